// A screen stays as things are: one stream a tab tells of changes. A page shows its new <main>; a list, the rows that are
// others now. Nothing moves under somebody's hands: while they choose in the list, what has changed waits.
"use strict";
(function () {
  if (!desk.main || !window.AbortController || !window.TextDecoder) return;
  var SILENT = 45000, HANDS_OFF = 15000;
  var line = document.getElementById("line"), stale = document.getElementById("stale"), news = {};
  var connection = null, timer, heard = Date.now(), failed = 0, last = "", waiting = {}, count = null, acted = 0, said = 0;
  var ahead = document.body.dataset.now - Date.now();  // the gateway's clock, as seen from ours

  document.addEventListener("visibilitychange", function () {
    if (document.hidden) return leave();  // a browser opens six connections to one place: give ours back
    if (Date.now() - heard < SILENT || !address()) return follow();
    desk.main().inert = true;  // nobody shall click on what is about to change
    desk.go(location.href, {}).then(function () {
      desk.main().inert = false;
      follow();
    });
  });
  document.addEventListener("desk:shown", function () {
    ahead = document.body.dataset.now - Date.now();
    heard = Date.now();
    leave();
    news = {};
    waiting = {};
    count = null;
    last = "";
    tell();
    tick();
    follow();
  });
  ["keydown", "pointerdown"].forEach(function (name) {
    document.addEventListener(name, function () { acted = Date.now(); }, true);
  });
  setInterval(function () {
    var lost = !!address() && !document.hidden && Date.now() - heard > SILENT;
    if (lost !== desk.offline()) offline(lost);
    if (!held()) release();
  }, 1000);
  setInterval(tick, 20000);
  tick();
  follow();

  function address() {
    var main = desk.main().dataset, at;
    if (main.live) at = main.live + (main.live.indexOf("?") < 0 ? "?" : "&") + "version=" + (last || main.version);
    if (main.rowsLive) at = main.rowsLive + (main.rowsLive.indexOf("?") < 0 ? "?" : "&") + "after=" + (last || main.position)
      + "&loaded=" + main.loaded;
    return at;
  }

  function leave() {
    clearTimeout(timer);
    if (connection) connection.abort();
    connection = null;
  }

  function follow() {
    clearTimeout(timer);
    var at = address();
    line.hidden = !at;
    if (!at || document.hidden || connection) return;
    var mine = connection = new AbortController(), wait = 200 + 800 * Math.random(), silence;

    function hear() {
      clearTimeout(silence);
      silence = setTimeout(function () { mine.abort(); }, SILENT);
      heard = Date.now();
      failed = 0;
      mark(false);
      if (desk.offline()) offline(false);
    }

    silence = setTimeout(function () { mine.abort(); }, SILENT);
    fetch(at, {signal: mine.signal, cache: "no-store"}).then(function (answer) {
      if (answer.status === 401 || answer.status === 403) return over();
      if (!answer.ok) throw answer;
      return stream.read(answer.body.getReader(), function (event) {
        if (connection !== mine) return;
        if (event.id) last = event.id;
        if (event.name === "later") wait = event.data * (750 + 500 * Math.random());
        else if (event.name === "gone") over();
        else take(event);
      }, hear);
    }).catch(function () {
      if (connection !== mine) return;
      failed += 1;
      mark(true);
      wait = Math.min(1000 << Math.min(failed, 5), 30000) * (0.5 + Math.random() / 2);  // not all at the same moment
    }).then(function () {
      clearTimeout(silence);
      if (connection !== mine) return;
      connection = null;
      timer = setTimeout(follow, wait);
    });
  }

  function over() {
    leave();
    line.hidden = true;
    if (!desk.dirtyForms().length) return location.reload();
    desk.banner("You have been signed out. Copy what you typed, then sign in.", "Sign in", function () { location.reload(); }, true);
  }

  function mark(lost) {
    line.classList.toggle("lost", lost);
    line.lastElementChild.textContent = lost ? "Reconnecting" : "Live";
  }

  // Nobody acts on what may be old.
  function offline(now) {
    document.body.classList.toggle("offline", now);
    stale.hidden = !now;
    stale.querySelector("time").textContent = new Date(heard).toTimeString().slice(0, 5);
    document.querySelectorAll("#main form[method=post] button, #main button[form]").forEach(function (one) {
      if (now) one.setAttribute("aria-disabled", "true");
      else one.removeAttribute("aria-disabled");
    });
  }

  function take(event) {
    if (event.name === "page") return page(event);
    if (event.name === "refetch") {
      waiting["*"] = true;
    } else if (event.name === "count") {
      count = Number(event.data);
    } else {
      var fresh = rowOf(event.data), shown = fresh && document.getElementById(fresh.id);
      if (!fresh || (!shown && event.name !== "new")) return;
      waiting[fresh.id] = {row: fresh, name: event.name};
    }
    if (!held()) release();
    else tell();
  }

  function rowOf(html) {
    var inside = document.createElement("template");
    inside.innerHTML = html;
    return inside.content.querySelector("tr");
  }

  // Whether somebody is choosing in the list.
  function held() {
    var list = document.getElementById("list"), focus = document.activeElement, chosen = getSelection();
    if (!list || document.querySelector("dialog[open]")) return !!list;
    return list.querySelector("input[name=ticket]:checked") !== null
      || document.querySelector("#bulk details[open], #save-view[open]") !== null
      || (list.contains(focus) && Date.now() - acted < HANDS_OFF)
      || (!chosen.isCollapsed && list.contains(chosen.anchorNode));
  }

  function release() {
    if (waiting["*"]) {
      waiting = {};
      desk.go(location.href, {});
      return;
    }
    Object.keys(waiting).forEach(function (id) {
      var one = waiting[id], shown = document.getElementById(id);
      if (!shown) {
        if (one.name === "new") news[id] = true;
        return;
      }
      if (one.name === "left") one.row.classList.add("gone");
      delete news[id];
      var before = shown.textContent, gone = shown.classList.contains("gone");
      desk.morph(shown, one.row);
      if (one.name === "left") shown.querySelectorAll("input").forEach(function (box) { box.disabled = true; });
      if (shown.textContent !== before || shown.classList.contains("gone") !== gone) shown.classList.add("changed");
    });
    waiting = {};
    tell();
    tick();
  }

  // How many are new, or wait to be shown.
  function tell() {
    var button = document.getElementById("news"), total = document.querySelector("[data-count]");
    if (count !== null && total) total.textContent = count.toLocaleString("en");
    if (!button) return;
    var held = Object.keys(waiting), fresh = Object.keys(news).length + held.filter(function (id) { return waiting[id].name === "new"; }).length;
    var others = held.length - held.filter(function (id) { return waiting[id].name === "new"; }).length;
    var words = [fresh ? fresh + " new" : "", waiting["*"] ? "many changed" : others ? others + " changed" : ""].filter(Boolean).join(", ");
    button.hidden = !words;
    button.textContent = words ? words + " – show" : "";
    if (words && Date.now() - said > 10000) {
      said = Date.now();
      desk.say(words, true);
    }
  }
  document.addEventListener("click", function (click) {
    if (!click.target.closest("#news")) return;
    if (Object.keys(news).length || waiting["*"] || Object.values(waiting).some(function (one) { return one.name === "new"; }))
      desk.go(location.href, {});
    else release();
  });

  // A whole <main>. A form in which somebody types and that is no longer there: they say when.
  function page(event) {
    var inside = new DOMParser().parseFromString(event.data, "text/html"), fresh = inside.getElementById("main");
    var lost = desk.dirtyForms().some(function (form) { return !form.id || !fresh.querySelector("#" + CSS.escape(form.id)); });
    if (lost || document.querySelector("dialog[open]")) {
      desk.banner("This has changed meanwhile. What you type is kept.", "Show it", function () { show(fresh); });
      return;
    }
    show(fresh);
  }

  function show(fresh) {
    var before = spoken();
    desk.update(fresh);
    tick();
    if (spoken() !== before && Date.now() - said > 10000) {
      said = Date.now();
      desk.say(spoken(), true);
    }
    document.dispatchEvent(new CustomEvent("desk:updated"));
  }

  function spoken() {
    return Array.from(document.querySelectorAll("#main h1, #main [data-say]")).map(function (one) {
      return one.textContent.trim().replace(/\s+/g, " ");
    }).join(". ");
  }

  // Ages grow, and deadlines pass, while nothing else changes.
  function tick() {
    var now = Date.now() + ahead;
    document.querySelectorAll("#main time[data-age]").forEach(function (one) {
      var text = short(now - one.dataset.age);
      if (one.textContent !== text) one.textContent = text;
    });
    document.querySelectorAll("#main time[data-due]").forEach(function (one) {
      one.classList.toggle("late", one.dataset.due < now);
    });
  }

  function short(ms) {
    if (ms >= 86400000) return Math.floor(ms / 86400000) + " d";
    if (ms >= 3600000) return Math.floor(ms / 3600000) + " h";
    return ms >= 60000 ? Math.floor(ms / 60000) + " min" : "now";
  }
})();
