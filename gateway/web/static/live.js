// A page that shows how things stand: we say when that has changed, and it shows it. Without a script it loads itself again.
(function () {
  "use strict";

  var live = document.getElementById("live");
  if (!live || !window.AbortController || !window.TextDecoder) return;
  var stale = document.querySelector(".stale"), news = document.querySelector(".news");
  var version = live.dataset.version, heard = new Date(), connection = null, timer, failed = 0;
  document.querySelectorAll(".scripted").forEach(function (part) { part.hidden = false; });
  var SILENT = 35000;  // we say something every 15 seconds; who hears nothing for so long has lost us

  // A browser opens six connections to one place: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden) return follow();
    clearTimeout(timer);
    if (connection) connection.abort();
    connection = null;
  });
  follow();

  function follow() {
    clearTimeout(timer);
    if (document.hidden || connection) return;
    var mine = connection = new AbortController(), wait = 200 + 1500 * Math.random(), silence;

    function listen() {
      clearTimeout(silence);
      silence = setTimeout(function () { mine.abort(); }, SILENT);
    }

    listen();
    fetch(live.dataset.live + "?version=" + version, {signal: mine.signal, cache: "no-store"}).then(function (answer) {
      if (answer.status === 404) return location.reload();
      if (!answer.ok) throw answer;
      return stream.read(answer.body.getReader(), function (event) {
        if (event.name === "page") show(event);
        if (event.name === "gone") location.reload();
        if (event.name === "later") wait = event.data * (750 + 500 * Math.random());
      }, function () {
        listen();
        failed = 0;
        connected(true);
      });
    }).catch(function () {
      if (connection !== mine) return;
      connected(false);
      failed += 1;
      wait = Math.min(1000 << Math.min(failed, 5), 30000) * (0.5 + Math.random() / 2);  // not all at the same moment
    }).then(function () {
      clearTimeout(silence);
      if (connection !== mine) return;
      connection = null;
      timer = setTimeout(follow, wait);
    });
  }

  function connected(now) {
    if (now) heard = new Date();
    stale.querySelector("time").textContent = heard.toTimeString().slice(0, 5);
    stale.hidden = now;
  }

  function show(event) {
    var before = said();
    version = event.id;
    swap(live, event.data);
    var titled = live.querySelector("[data-title]");
    if (titled) document.title = titled.dataset.title + document.title.slice(document.title.lastIndexOf(" · "));
    if (said() !== before) news.textContent = said();  // screen readers speak it, but no estimate that ticks on
  }

  function said() {
    return Array.from(live.querySelectorAll("h1, .time:not(.estimate), .sorry")).map(function (part) {
      return part.textContent.trim().replace(/\s+/g, " ");
    }).join(". ");
  }

  // New content in the place of old: what somebody has typed, ticked or opened stays, and they stay where they are.
  function swap(into, html) {
    var fresh = document.createElement("template"), focus = document.activeElement, x = scrollX, y = scrollY;
    var focused = into.contains(focus) ? key(focus) : null;
    var from = focus.selectionStart, to = focus.selectionEnd;
    fresh.innerHTML = html;
    into.querySelectorAll("input, textarea, select, details").forEach(function (old) {
      var now = find(fresh.content, key(old));
      if (!now) return;
      if (old.checked !== old.defaultChecked) now.checked = old.checked;
      if (old.tagName === "DETAILS") now.open = old.open;
      else if (old.tagName === "SELECT" || (old.value !== old.defaultValue && !old.type.match("radio|checkbox")))
        now.value = old.value;
    });
    into.replaceChildren(fresh.content);
    var again = focused && find(into, focused);
    if (again) {
      again.focus({preventScroll: true});
      if (again.setSelectionRange && from !== null) again.setSelectionRange(from, to);
    }
    scrollTo(x, y);
  }

  function find(within, wanted) {
    return Array.from(within.querySelectorAll("input, textarea, select, details, button, a, summary")).find(
      function (one) { return key(one) === wanted; });
  }

  // What makes it the same thing as before.
  function key(one) {
    var own = one.type === "radio" || one.type === "checkbox" || one.tagName === "BUTTON" ? one.value : "";
    var words = one.name || one.href || (one.querySelector("summary") || one).textContent.trim();
    return [one.tagName, one.id || words, own].join(" ");
  }
})();
