// What somebody types into a form with data-draft is kept by the server every five seconds, shown again when the form is
// opened the next time, on any computer, and forgotten when it is sent.
"use strict";
(function () {
  if (!desk.main) return;
  var EVERY = 5000, unsaved = new Set();

  function fields(form) {
    var found = {};
    Array.from(form.elements).forEach(function (one) {
      if (!one.name || one.type === "hidden" || one.type === "password" || one.tagName === "BUTTON") return;
      if (one.type === "radio" && !one.checked) return;
      found[one.name] = one.type === "checkbox" ? (one.checked ? one.value : "") : one.value;
    });
    return found;
  }

  function send(form, kept, leaving) {
    var body = new URLSearchParams({csrf: document.body.dataset.csrf, key: form.dataset.draft});
    if (kept) body.append("fields", JSON.stringify(kept));
    return fetch(document.body.dataset.root + "/console/drafts", {method: "post", body: body, keepalive: !!leaving});
  }

  function save(leaving) {
    unsaved.forEach(function (form) {
      unsaved.delete(form);
      if (desk.offline()) return unsaved.add(form);
      send(form, fields(form), leaving).then(function (answer) {
        if (answer.ok) note(form, "Kept, not sent");
      }).catch(function () { unsaved.add(form); });
    });
  }

  function note(form, text) {
    var line = form.querySelector(":scope > .kept");
    if (!line) {
      line = document.createElement("p");
      line.className = "kept";
      line.innerHTML = "<span></span> <button type='button' class='plain'>Discard</button>";
      line.lastElementChild.addEventListener("click", function () { discard(form); });
      form.append(line);
    }
    line.firstElementChild.textContent = text;
  }

  function discard(form) {
    unsaved.delete(form);
    send(form, null);
    form.reset();
    desk.clean(form);
    form.querySelectorAll(":scope > .kept").forEach(function (one) { one.remove(); });
  }

  function restore(form) {
    if (form.dataset.asked) return;
    form.dataset.asked = "yes";
    fetch(document.body.dataset.root + "/console/drafts?key=" + encodeURIComponent(form.dataset.draft), {cache: "no-store"})
      .then(function (answer) { return answer.ok ? answer.json() : null; })
      .then(function (draft) {
        if (!draft || desk.isDirty(form)) return;
        Object.keys(draft.fields).forEach(function (name) {
          Array.from(form.elements).forEach(function (one) {
            if (one.name !== name || one.type === "hidden") return;
            if (one.type === "checkbox" || one.type === "radio") one.checked = one.value === draft.fields[name];
            else one.value = draft.fields[name];
            desk.touch(one);
          });
        });
        note(form, "Not sent, from " + new Date(draft.at).toTimeString().slice(0, 5));
        var menu = form.closest("details");
        if (menu) menu.open = true;
      }).catch(function () {});
  }

  function look() { document.querySelectorAll("#main form[data-draft]").forEach(restore); }

  document.addEventListener("input", function (event) {
    var form = event.target.form;
    if (form && form.dataset.draft) unsaved.add(form);
  });
  document.addEventListener("desk:sent", function (sent) {
    if (!sent.detail || !sent.detail.dataset.draft) return;
    unsaved.delete(sent.detail);
    send(sent.detail, null);
    sent.detail.querySelectorAll(":scope > .kept").forEach(function (one) { one.remove(); });
  });
  document.addEventListener("desk:shown", look);
  document.addEventListener("desk:updated", look);
  window.addEventListener("pagehide", function () { save(true); });
  setInterval(save, EVERY);
  look();
})();
