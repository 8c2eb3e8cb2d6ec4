// What a technician taps is kept on the phone first, then sent, in order and once. Without this the forms do it alone.
(function () {
  "use strict";
  var box = document.getElementById("outbox");
  if (!box || !window.isSecureContext || !window.indexedDB || !navigator.locks) return;
  var WAITING = "waiting", FAILED = "failed", SHORTEST = 5000, LONGEST = 300000;
  var pause = SHORTEST, soon = 0, timer = 0, sent = false;

  var open = new Promise(function (done, fail) {
    var asked = indexedDB.open("gateway-visits", 1);
    asked.onupgradeneeded = function () {
      asked.result.createObjectStore("outbox", {keyPath: "seq", autoIncrement: true});
    };
    asked.onsuccess = function () { done(asked.result); };
    asked.onerror = function () { fail(asked.error); };
  });

  // One transaction; resolves once it is on the disk.
  function store(mode, work) {
    return open.then(function (database) {
      return new Promise(function (done, fail) {
        var change = database.transaction("outbox", mode, {durability: "strict"});
        var asked = work(change.objectStore("outbox"));
        change.oncomplete = function () { done(asked.result); };
        change.onabort = change.onerror = function () { fail(change.error); };
      });
    });
  }
  function items() { return store("readonly", function (kept) { return kept.getAll(); }); }
  function put(item) { return store("readwrite", function (kept) { return kept.put(item); }); }
  function remove(item) { return store("readwrite", function (kept) { return kept.delete(item.seq); }); }

  function show() {
    return items().then(function (all) {
      var list = box.querySelector("ul"), line = box.querySelector("template").content.firstElementChild;
      list.replaceChildren.apply(list, all.map(function (item) {
        var shown = line.cloneNode(true), failed = item.state === FAILED;
        shown.querySelector("b").textContent = item.label;
        shown.querySelector("span").textContent = failed ? box.dataset.failed + " " + item.why : box.dataset.waiting;
        shown.querySelectorAll("button").forEach(function (button) {
          button.hidden = !failed;
          button.addEventListener("click", function () {
            (button.value === "again" ? again(item) : remove(item)).then(show).then(flush);
          });
        });
        return shown;
      }));
      box.hidden = all.length === 0;
      return all;
    });
  }

  // A person has seen how things stand now, and still means it.
  function again(item) {
    item.state = WAITING;
    if (item.version && item.fields) item.fields.version = item.version;
    return put(item);
  }

  function request(item) {
    var body = item.fields ? new URLSearchParams(item.fields) : new FormData();
    if (!item.fields) body.append("photo", new Blob([item.content], {type: item.type}), "photo");
    return fetch(item.url, {method: "POST", body: body, redirect: "error", headers: {"Idempotency-Key": item.uuid}});
  }

  // Resolves true when the next may be sent.
  function send(item) {
    return request(item).then(function (answer) {
      if (answer.ok) {
        sent = true;
        return remove(item).then(function () { return true; });
      }
      if (answer.status === 409 && answer.headers.has("retry-after")) {  // the one before it is not finished yet
        soon = Math.max(1, Number(answer.headers.get("retry-after")) || 0) * 1000;
        return false;
      }
      if (answer.status >= 500 || answer.status === 408 || answer.status === 429) return false;
      return answer.json().catch(function () { return {}; }).then(function (problem) {
        var shown = new CustomEvent("refused", {detail: {fields: item.fields, problem: problem}, cancelable: true});
        if (!document.dispatchEvent(shown)) return remove(item).then(function () { return true; });
        item.state = FAILED;
        item.why = problem.detail || "";
        item.version = (answer.headers.get("etag") || "").replace(/"/g, "");
        return put(item).then(function () { return true; });
      });
    }, function () { return false; });
  }

  function next() {
    return items().then(function (all) {
      var waiting = all.filter(function (item) { return item.state === WAITING; });
      if (!waiting.length) return true;
      return send(waiting[0]).then(function (goes) { return goes ? show().then(next) : false; });
    });
  }

  function flush() {
    clearTimeout(timer);
    return navigator.locks.request("gateway-outbox", {ifAvailable: true}, function (lock) {
      return lock ? next() : null;
    }).then(show).then(function (all) {
      var waits = all.some(function (item) { return item.state === WAITING; });
      if (!all.length && sent) return location.reload();  // as it stands now
      pause = waits ? Math.min(pause * 2, LONGEST) : SHORTEST;
      if (waits) timer = setTimeout(flush, soon || pause);
      soon = 0;
    });
  }

  function keep(form, button) {
    var base = {visit: box.dataset.visit, state: WAITING, client_time: Date.now()};
    var label = (button || form).textContent.trim().replace(/\s+/g, " ").slice(0, 60);
    var picker = form.querySelector("input[type=file]");
    if (!picker) {
      var fields = Object.fromEntries(new FormData(form, button));
      delete fields.key;
      return put(Object.assign(base, {uuid: crypto.randomUUID(), url: box.dataset.url, label: label, fields: fields}));
    }
    return Array.from(picker.files).reduce(function (before, file) {  // one request each
      return before.then(function () { return file.arrayBuffer(); }).then(function (content) {
        return put(Object.assign({}, base, {uuid: crypto.randomUUID(), url: form.action, label: file.name,
                                            content: content, type: file.type}));
      });
    }, Promise.resolve());
  }

  document.addEventListener("submit", function (submit) {
    var form = submit.target;
    if (!form.querySelector("input[name=key]") || form.dataset.plain) return;
    submit.preventDefault();
    submit.stopPropagation();
    if (form.dataset.keeping) return;  // the same tap twice
    form.dataset.keeping = "yes";
    keep(form, submit.submitter).then(show).then(function () {
      box.scrollIntoView({block: "nearest"});
      delete form.dataset.keeping;
      if (form.querySelector("input[type=file]")) form.reset();
      pause = SHORTEST;
      return flush();
    }, function () {  // the phone keeps nothing: then as without a script
      form.dataset.plain = "yes";
      form.requestSubmit(submit.submitter);
    });
  }, true);

  box.querySelector("button[value=send]").addEventListener("click", flush);
  window.addEventListener("online", flush);
  document.addEventListener("visibilitychange", function () { if (!document.hidden) flush(); });
  window.addEventListener("beforeunload", function () { clearTimeout(timer); });
  if (navigator.storage && navigator.storage.persist) navigator.storage.persist();
  if (navigator.serviceWorker) {
    navigator.serviceWorker.register(box.dataset.worker, {scope: box.dataset.scope}).then(function () {
      return navigator.serviceWorker.ready;
    }).then(function (registered) {
      var parts = document.querySelectorAll("link[rel=stylesheet], link[rel=icon], script[src]");
      registered.active.postMessage({keep: [location.href].concat(Array.from(parts, function (part) {
        return part.href || part.src;
      }))});
    }).catch(function () { /* the page works without it, but does not open without network */ });
  }
  show().then(flush);
})();
