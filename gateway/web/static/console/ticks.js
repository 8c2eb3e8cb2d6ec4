// Ticked rows: how many, all of a page, from one to another with Shift; the bar that acts on them is there when one is.
"use strict";
(function () {
  if (!desk.main) return;
  var last = null;

  function boxes() {
    return Array.from(document.querySelectorAll("#main input[name=ticket]:not(:disabled)"));
  }

  function show() {
    var bar = document.getElementById("bulk"), all = document.querySelector("[data-tick-all]");
    if (!bar) return;
    var every = boxes(), ticked = every.filter(function (one) { return one.checked; }).length;
    bar.classList.toggle("on", ticked > 0);
    bar.querySelector("[data-these]").textContent = ticked === 1 ? "This one" : "These " + ticked;
    bar.querySelectorAll("[data-two]").forEach(function (one) { one.disabled = ticked !== 2; });
    if (!all) return;
    all.hidden = false;
    all.checked = ticked > 0 && ticked === every.length;
    all.indeterminate = ticked > 0 && ticked < every.length;
  }

  document.addEventListener("click", function (click) {
    var box = click.target;
    if (!box.matches("input[name=ticket]")) return;
    var every = boxes(), from = every.indexOf(last), to = every.indexOf(box);
    if (click.shiftKey && from >= 0) every.slice(Math.min(from, to), Math.max(from, to) + 1).forEach(function (one) {
      one.checked = box.checked;
      desk.touch(one);
    });
    last = box;
    show();
  });
  document.addEventListener("change", function (change) {
    if (change.target.matches("[data-tick-all]")) boxes().forEach(function (one) {
      one.checked = change.target.checked;
      desk.touch(one);
    });
    show();
  });
  // What was done is no longer ticked.
  document.addEventListener("desk:sent", function (sent) {
    if (sent.detail && sent.detail.id === "bulk") boxes().forEach(function (one) { one.checked = false; });
  });
  document.addEventListener("desk:shown", show);
  show();
})();
