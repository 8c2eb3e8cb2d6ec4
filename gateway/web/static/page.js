// Two small comforts; every page works without them.
(function () {
  "use strict";

  // The customer's page asks every few seconds whether something has changed; 304 means no.
  var live = document.getElementById("live"), stale = document.querySelector(".stale");
  var version = live && live.dataset.version, fresh = new Date(), timer;

  function every() {
    var part = live.querySelector("[data-every]");
    return 1000 * (part ? part.dataset.every : 60);
  }

  function known(good) {
    if (good) fresh = new Date();
    stale.querySelector("time").textContent = fresh.toTimeString().slice(0, 5);
    stale.hidden = good;
  }

  function look(wait) {
    clearTimeout(timer);
    if (document.hidden) return;  // looked at again as soon as the page is
    fetch(live.dataset.live, {headers: {"If-None-Match": version}, cache: "no-store"}).then(function (answer) {
      if (answer.status === 404) return location.reload();
      if (answer.status !== 304 && !answer.ok) throw answer;
      if (answer.status === 304) return known(true);
      version = answer.headers.get("ETag");
      return answer.text().then(function (text) { live.innerHTML = text; known(true); });
    }).then(function () { wait = every(); }, function () { known(false); wait = Math.min(wait * 2, 60000); })
      .then(function () { timer = setTimeout(look, wait, wait); });
  }

  if (live) {
    timer = setTimeout(look, every(), every());
    document.addEventListener("visibilitychange", function () { if (!document.hidden) look(every()); });
  }

  // A technician's note survives a lost connection, and a second tap sends nothing twice.
  document.querySelectorAll("textarea[data-keep]").forEach(function (note) {
    var key = "note/" + note.dataset.keep;
    note.value = note.value || sessionStorage.getItem(key) || "";
    note.addEventListener("input", function () { sessionStorage.setItem(key, note.value); });
  });
  document.querySelectorAll("form").forEach(function (form) {
    form.addEventListener("submit", function (submit) {
      if (form.dataset.sent) return submit.preventDefault();
      form.dataset.sent = "yes";
      (submit.submitter || form).setAttribute("aria-busy", "true");
    });
  });
  window.addEventListener("pageshow", function (shown) {  // came back with the browser's "back"
    if (shown.persisted) location.reload();
  });
})();
