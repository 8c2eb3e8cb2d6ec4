"use strict";
// Says every few seconds that this page is open, and whether somebody types in it; shows who else does.
(() => {
  const place = document.getElementById("presence");
  if (!place) return;
  const BEAT = 15000;
  let typedAt = 0;
  const root = document.body.dataset.root || "";
  const facts = (more) => new URLSearchParams({csrf: document.body.dataset.csrf, subject: place.dataset.subject,
    typing: String(Date.now() - typedAt < BEAT), ...more});
  const beat = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(`${root}/console/presence`, {method: "POST", body: facts({})});
      if (answer.status === 200) {
        const html = (await answer.text()).trim();
        if (html !== place.dataset.shown) { place.innerHTML = html; place.dataset.shown = html; }
      }
    } catch { /* the next beat tells */ }
  };
  document.addEventListener("input", (event) => {
    if (!event.target.closest("main form")) return;
    const first = Date.now() - typedAt >= BEAT;
    typedAt = Date.now();
    if (first) beat();
  });
  document.addEventListener("visibilitychange", beat);
  addEventListener("pagehide", () => navigator.sendBeacon(`${root}/console/presence`, facts({left: "true"})));
  setInterval(beat, BEAT);
  beat();
})();
