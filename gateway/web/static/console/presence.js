// Says every few seconds that this page is open, and whether somebody types in it; shows who else does.
"use strict";
(function () {
  if (!window.fetch) return;
  var BEAT = 15000, typedAt = 0, subject = "";

  function facts(more) {
    return new URLSearchParams(Object.assign({csrf: document.body.dataset.csrf, subject: subject,
      typing: String(Date.now() - typedAt < BEAT)}, more));
  }

  function leave() {
    if (subject) navigator.sendBeacon(document.body.dataset.root + "/console/presence", facts({left: "true"}));
    subject = "";
  }

  function beat() {
    var place = document.getElementById("presence");
    if (subject && (!place || place.dataset.subject !== subject)) leave();
    if (!place || document.hidden) return;
    subject = place.dataset.subject;
    fetch(document.body.dataset.root + "/console/presence", {method: "post", body: facts({})}).then(function (answer) {
      return answer.status === 200 ? answer.text() : null;
    }).then(function (html) {
      if (html !== null && html.trim() !== place.innerHTML.trim()) place.innerHTML = html;
    }).catch(function () { /* the next beat tells */ });
  }

  document.addEventListener("input", function (event) {
    if (!event.target.closest("#main form")) return;
    var first = Date.now() - typedAt >= BEAT;
    typedAt = Date.now();
    if (first) beat();
  });
  document.addEventListener("visibilitychange", beat);
  document.addEventListener("desk:shown", function () { typedAt = 0; beat(); });
  window.addEventListener("pagehide", leave);
  setInterval(beat, BEAT);
  beat();
})();
