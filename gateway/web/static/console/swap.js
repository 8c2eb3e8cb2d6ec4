// Pages come one after the other without a reload: links and forms are fetched, and <main> is put in place of the old
// one. What somebody types, has ticked or opened stays, and so do focus and scroll. Without a script all works by itself.
"use strict";
var desk = {};
(function () {
  var touched = new WeakSet(), reading = null, number = 0, retry = null;
  if (!window.fetch || !window.DOMParser || !document.getElementById("main")) return;
  document.documentElement.classList.add("scripts");
  history.scrollRestoration = "manual";
  history.replaceState({y: scrollY}, "");

  desk.main = function () { return document.getElementById("main"); };
  desk.offline = function () { return document.body.classList.contains("offline"); };

  // What a screen reader is told; `unseen`: only it.
  desk.say = function (text, unseen) {
    var status = document.getElementById("status");
    status.classList.toggle("unseen", !!unseen);
    status.textContent = text;
    clearTimeout(desk.saying);
    desk.saying = setTimeout(function () { status.textContent = ""; }, 8000);
  };

  desk.banner = function (text, label, action, bad) {
    var banner = document.getElementById("banner");
    banner.hidden = !text;
    banner.classList.toggle("bad", !!bad);
    banner.firstElementChild.textContent = text;
    banner.lastElementChild.textContent = label || "Close";
    retry = action || null;
  };

  // Forms in which somebody has typed something that is not sent.
  desk.dirtyForms = function () {
    return Array.from(document.querySelectorAll("#main form")).filter(desk.isDirty);
  };
  desk.isDirty = function (form) {
    return Array.from(form.elements).some(function (one) { return touched.has(one) && one.name !== "ticket"; });
  };
  desk.touch = function (control) { touched.add(control); };
  desk.clean = function (form) { Array.from(form.elements).forEach(function (one) { touched.delete(one); }); };

  // Makes `old` like `fresh`, node by node: what is the same stays the same node. Inputs that somebody has changed are
  // left alone, and so are menus that are open.
  desk.morph = function (old, fresh) {
    if (isOwn(old)) return;
    if (old.isEqualNode(fresh) && !old.matches("input, textarea, select") && !old.querySelector("input, textarea, select")) return;
    attributes(old, fresh);
    if (old.matches("textarea")) {
      if (!touched.has(old)) old.value = fresh.value;
      return;
    }
    if (old.matches("select")) {
      if (touched.has(old)) return;
      if (!old.isEqualNode(fresh)) old.replaceChildren.apply(old, Array.from(fresh.cloneNode(true).childNodes));
      old.selectedIndex = fresh.selectedIndex;  // options that move one by one are chosen one after the other
      return;
    }
    children(old, fresh);
  };

  function attributes(old, fresh) {
    var control = old.matches("input"), own = old.matches("details, dialog") ? ["open"] : [];
    if (control && touched.has(old)) return;
    if (old.tagName === "TR") own.push("class");
    Array.from(old.attributes).forEach(function (one) {
      if (!fresh.hasAttribute(one.name) && own.indexOf(one.name) < 0) old.removeAttribute(one.name);
    });
    Array.from(fresh.attributes).forEach(function (one) {
      if (own.indexOf(one.name) < 0 && old.getAttribute(one.name) !== one.value) old.setAttribute(one.name, one.value);
    });
    if (old.tagName === "TR") old.className = fresh.className;
    if (!control) return;
    if (old.value !== fresh.value) old.value = fresh.value;
    old.checked = fresh.checked;
  }

  function children(old, fresh) {
    var byId = {}, at = old.firstChild;
    Array.from(old.children).forEach(function (one) { if (one.id) byId[one.id] = one; });
    Array.from(fresh.childNodes).forEach(function (wanted) {
      while (at && isOwn(at) && at.id !== wanted.id) at = at.nextSibling;
      var same = wanted.id ? byId[wanted.id] : null;
      if (!same && at && !(at.id && fresh.querySelector("#" + CSS.escape(at.id))) && at.nodeName === wanted.nodeName && !wanted.id)
        same = at;
      if (!same || same.nodeName !== wanted.nodeName) {
        old.insertBefore(document.importNode(wanted, true), at);
        return;
      }
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      if (same.nodeType === 1) desk.morph(same, wanted);
      else if (same.nodeValue !== wanted.nodeValue) same.nodeValue = wanted.nodeValue;
    });
    while (at) {
      var after = at.nextSibling;
      if (!isOwn(at)) at.remove();
      at = after;
    }
  }

  // What a stream knows nothing of: it stays until the page itself comes again.
  function isOwn(node) { return node.dataset !== undefined && node.dataset.own !== undefined; }

  // `fresh`: a <main>. A row that had the focus and is gone gives it to the one in its place.
  desk.update = function (fresh) {
    var main = desk.main(), focus = document.activeElement, row = focus && focus.closest ? focus.closest("tr") : null;
    var place = row ? row.rowIndex : -1, table = row ? row.closest("table") : null;
    var x = scrollX, y = scrollY;
    fresh.querySelectorAll("input[name=csrf]").forEach(function (one) { one.value = document.body.dataset.csrf; });
    desk.morph(main, fresh);
    if (row && !row.isConnected && table.isConnected && table.rows.length > 1)
      table.rows[Math.min(place, table.rows.length - 1)].focus({preventScroll: true});
    else if (focus && focus.isConnected && focus !== document.activeElement) focus.focus({preventScroll: true});
    scrollTo(x, y);
  };

  // Fetches a page and shows it. how: {push, y, method, body, form}
  desk.go = function (url, how) {
    var mine = ++number, post = how.method === "post", main = desk.main();
    if (reading) reading.abort();
    reading = post ? null : new AbortController();
    var busy = setTimeout(function () { main.setAttribute("aria-busy", "true"); }, 150);
    return fetch(url, {method: how.method || "get", body: how.body, cache: "no-store", signal: reading ? reading.signal : undefined}
    ).then(function (answer) {
      return answer.text().then(function (html) { if (mine === number || post) arrived(answer, html, how); });
    }).catch(function (error) {
      if (error.name === "AbortError") return;
      if (post) desk.banner("It could not be sent: there is no connection. What you wrote is still here.", "Close", null, true);
      else desk.banner("There is no connection just now.", "Try again", function () { desk.go(url, how); }, true);
    }).then(function () {
      clearTimeout(busy);
      main.removeAttribute("aria-busy");
    });
  };

  function arrived(answer, html, how) {
    var page = new DOMParser().parseFromString(html, "text/html"), fresh = page.getElementById("main"), post = how.method === "post";
    if (!fresh || !page.getElementById("screens")) {
      if (!post) return location.assign(answer.url);
      if (answer.status === 400 || answer.status === 413) return tooMuch(page.querySelector("main h1 + p"));
      document.replaceChild(document.adoptNode(page.documentElement), document.documentElement);
      return;
    }
    var first = fresh.querySelector("[autofocus]");
    if (first) first.removeAttribute("autofocus");  // the browser would refuse: something has the focus already
    var same = new URL(answer.url).pathname === location.pathname, refused = post && !answer.redirected;
    if (post && answer.ok) {
      if (how.form) desk.clean(how.form);
      document.dispatchEvent(new CustomEvent("desk:sent", {detail: how.form}));
    }
    desk.banner("");
    if (how.push && !refused && answer.url !== location.href) {
      history.replaceState({y: scrollY}, "");
      history.pushState({y: 0}, "", answer.url);
    }
    document.title = page.title;
    document.body.dataset.csrf = page.body.dataset.csrf;
    document.body.dataset.now = page.body.dataset.now;
    desk.morph(document.getElementById("screens"), page.getElementById("screens"));
    if (same || refused) {
      if (post && answer.ok) desk.main().querySelectorAll("details.more[open]").forEach(function (one) { one.open = false; });
      desk.main().querySelectorAll("[data-own]").forEach(function (one) { one.remove(); });
      desk.update(fresh);
      if (how.top) scrollTo(0, 0);
    } else {
      attributes(desk.main(), fresh);
      desk.main().replaceChildren.apply(desk.main(), Array.from(document.importNode(fresh, true).childNodes));
      (first && document.getElementById(first.id) || desk.main()).focus({preventScroll: true});
      scrollTo(0, how.y || 0);
      desk.say(page.title, true);
    }
    if (how.y !== undefined) scrollTo(0, how.y);
    var wrong = refused && desk.main().querySelector(".wrong");
    if (wrong) {
      wrong.tabIndex = -1;
      wrong.focus();
    }
    document.dispatchEvent(new CustomEvent("desk:shown"));
  }

  // What was sent is more than the gateway takes: it stays where it is.
  function tooMuch(why) {
    desk.banner(why ? why.textContent : "That is more than can be sent at once. Nothing was done; what you wrote is still here.", "Close", null, true);
  }

  function isOurs(url) {
    return url.origin === location.origin && (url.pathname + "/").indexOf(document.body.dataset.root + "/console/") === 0;
  }

  document.addEventListener("click", function (click) {
    var link = click.target.closest("a[href]"), opens = click.target.closest("[data-open]");
    document.querySelectorAll("details:is(.pop, .who)[open]").forEach(function (one) {
      if (!one.contains(click.target) || (link && one.contains(link))) one.open = false;
    });
    if (opens) return document.getElementById(opens.dataset.open).showModal();
    if (click.target.closest("#banner button")) {
      var action = retry;
      desk.banner("");
      return action && action();
    }
    if (!link || click.defaultPrevented || click.button || click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return;
    if (link.target || link.hasAttribute("download") || link.dataset.whole !== undefined || !desk.main()) return;
    var url = new URL(link.href);
    if (!isOurs(url) || (url.hash && url.pathname === location.pathname && url.search === location.search)) return;
    click.preventDefault();
    desk.go(url.href, {push: true, top: link.rel === "next"});
  });

  document.addEventListener("submit", function (submit) {
    var form = submit.target, button = submit.submitter, post = form.method === "post";
    if (submit.defaultPrevented || form.method === "dialog" || form.dataset.whole !== undefined || !desk.main()) return;
    var url = new URL((button && button.hasAttribute("formaction") ? button.formAction : form.getAttribute("action")) || location.href,
      location.href);
    if (!isOurs(url)) return;
    submit.preventDefault();
    if (post && desk.offline()) return desk.say("There is no connection: nothing was sent.");
    if (form.dataset.sent) return;
    var fields = new URLSearchParams(new FormData(form));
    if (button && button.name) fields.append(button.name, button.value);
    if (!post) {
      var given = new URLSearchParams(Array.from(fields).filter(function (pair) { return pair[1] !== ""; }));
      desk.clean(form);
      url.search = given.toString();
      desk.go(url.href, {push: true});
      return;
    }
    form.dataset.sent = "yes";
    if (button) button.setAttribute("aria-busy", "true");
    desk.go(url.href, {push: true, method: "post", body: fields, form: form}).then(function () {
      delete form.dataset.sent;
      if (button) button.removeAttribute("aria-busy");
    });
  });

  var typing;
  document.addEventListener("input", function (event) {
    touched.add(event.target);
    var form = event.target.form;
    if (!form || form.dataset.auto === undefined) return;
    clearTimeout(typing);
    typing = setTimeout(function () { if (form.isConnected) form.requestSubmit(); }, event.target.type === "search" ? 350 : 0);
  });

  window.addEventListener("popstate", function (pop) {
    desk.go(location.href, {y: pop.state ? pop.state.y : 0});
  });
  window.addEventListener("pagehide", function () { history.replaceState({y: scrollY}, ""); });
  document.addEventListener("keydown", function (key) {
    if (key.key !== "Escape") return;
    document.querySelectorAll("details:is(.pop, .who)[open]").forEach(function (one) {
      var inside = one.contains(document.activeElement);
      one.open = false;
      if (inside) one.querySelector("summary").focus();
    });
  });
  document.querySelectorAll("[data-open][hidden]").forEach(function (one) { one.hidden = false; });
})();
