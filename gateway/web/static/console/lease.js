// A call that somebody works on stays theirs: while they type, click or read, it is claimed anew. A click on a number
// dials it, and says that they ring.
"use strict";
(function () {
  if (!desk.main) return;
  var EVERY = 60000, IDLE = 180000, acted = Date.now();
  ["keydown", "pointerdown", "scroll"].forEach(function (name) {
    document.addEventListener(name, function () { acted = Date.now(); }, {capture: true, passive: true});
  });
  setInterval(function () {
    var path = desk.main().dataset.lease;
    if (!path || document.hidden || desk.offline() || Date.now() - acted > IDLE) return;
    fetch(path, {method: "post", body: new URLSearchParams({csrf: document.body.dataset.csrf})}).then(function (answer) {
      if (answer.status === 409) desk.go(location.href, {});
    }).catch(function () {});
  }, EVERY);
  document.addEventListener("click", function (click) {
    var link = click.target.closest("a[data-rings]"), form = link && document.getElementById(link.dataset.rings);
    if (form && !desk.offline()) form.requestSubmit();  // and the browser follows the link: it dials
  });
})();
