// The keyboard: single keys walk through rows, tick, search and go to screens; off while somebody types, and whoever
// does not want them turns them off.
"use strict";
(function () {
  if (!desk.main) return;
  var OFF = "console-keys-off", after = "", timer, dialog = document.getElementById("keys"), box = document.getElementById("keys-on");
  box.checked = !localStorage.getItem(OFF);
  box.addEventListener("change", function () {
    if (box.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
  });

  document.addEventListener("keydown", function (key) {
    var focus = document.activeElement, types = focus && focus.matches("input:not([type=checkbox], [type=radio]), textarea, select");
    if (key.ctrlKey || key.metaKey || key.altKey || key.isComposing) return;
    if (key.key === "Escape" && types) return focus.blur();
    if (types || document.querySelector("dialog[open]") || !box.checked) return;
    if (key.key === "Enter") {
      if (focus && focus.matches("tr[data-href]")) desk.go(focus.dataset.href, {push: true});
      return;
    }
    var acts = after === "g" ? goes(key.key) : known[key.key];
    forget();
    if (!acts) return;
    key.preventDefault();
    acts();
  });

  var known = {
    j: function () { walk(1); },
    k: function () { walk(-1); },
    x: tick,
    "/": function () { focusOn("q"); },
    f: function () { focusOn("f-text"); },
    r: function () { desk.go(location.href, {}); },
    "?": function () { dialog.showModal(); },
    g: function () {
      after = "g";
      timer = setTimeout(forget, 1500);
    },
  };

  function forget() {
    clearTimeout(timer);
    after = "";
  }

  function goes(letter) {
    var link = document.querySelector("#screens a[data-key='" + CSS.escape(letter) + "']");
    return link && function () { link.click(); };
  }

  function focusOn(id) {
    var field = document.getElementById(id);
    if (!field) return;
    field.focus();
    field.select();
  }

  function rows() {
    return Array.from(document.querySelectorAll("[data-rows] > tbody > tr, ul[data-rows] > li, ol[data-rows] > li"));
  }

  function current() {
    return document.activeElement ? document.activeElement.closest("[data-rows] > tbody > tr, [data-rows] > li") : null;
  }

  function walk(step) {
    var all = rows(), at = all.indexOf(current()), next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step];
    if (!next) return;
    next.tabIndex = -1;
    next.focus({preventScroll: true});
    next.scrollIntoView({block: "nearest"});
  }

  function tick() {
    var row = current(), box = row && row.querySelector("input[type=checkbox]:not(:disabled)");
    if (box) box.click();
  }
})();
