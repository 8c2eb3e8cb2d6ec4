// Small comforts; every page works without them.
(function () {
  "use strict";

  // A technician's note survives a lost connection, and a second tap sends nothing twice; also in what comes later.
  document.querySelectorAll("textarea[data-keep]").forEach(function (note) {
    note.value = note.value || sessionStorage.getItem("note/" + note.dataset.keep) || "";
  });
  document.addEventListener("input", function (event) {
    var note = event.target;
    if (note.matches("textarea[data-keep]")) sessionStorage.setItem("note/" + note.dataset.keep, note.value);
  });
  document.addEventListener("submit", function (submit) {
    var form = submit.target;
    if (form.dataset.sent) return submit.preventDefault();
    form.dataset.sent = "yes";
    (submit.submitter || form).setAttribute("aria-busy", "true");
  });
  // What an answer asks for besides is missed here, and not in an hour, when the phone has left the cellar.
  function askFor() {
    document.querySelectorAll("[data-needed-with]").forEach(function (field) {
      field.required = !!field.form.querySelector("[value=" + field.dataset.neededWith + "]:checked");
    });
  }
  document.addEventListener("change", askFor);
  askFor();
  window.addEventListener("pageshow", function (shown) {  // came back with the browser's "back"
    if (shown.persisted) location.reload();
  });
})();
