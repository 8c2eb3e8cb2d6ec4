// What was sent without loading the page anew and has a wrong field: shown as the server's own page shows it.
(function () {
  "use strict";
  var template = document.getElementById("wrong");
  if (!template) return;

  function formOf(fields) {
    return Array.from(document.forms).find(function (form) {
      var act = form.querySelector("[name=act]");
      return act && act.value === fields.act;
    });
  }
  function fill(form, fields) {
    Object.keys(fields).forEach(function (name) {
      var input = form.elements[name];
      if (input && name !== "act" && name !== "key" && name !== "version") input.value = fields[name];
    });
  }
  function clear() {
    document.querySelectorAll("main > .errors, p.wrong").forEach(function (old) { old.remove(); });
    document.querySelectorAll("[aria-invalid]").forEach(function (input) {
      input.removeAttribute("aria-invalid");
      var hints = (input.getAttribute("aria-describedby") || "").split(" ").slice(1).join(" ");
      if (hints) input.setAttribute("aria-describedby", hints);
      else input.removeAttribute("aria-describedby");
    });
  }
  function explain(input, group, name, why) {
    var line = document.createElement("p"), sign = document.createElement("span"), marked = group || input;
    line.className = "wrong";
    line.id = name + "-error";
    sign.className = "hidden";
    sign.textContent = template.dataset.error;
    line.append(sign, " " + why);
    if (group) group.insertBefore(line, group.querySelector("label"));
    else input.before(line);
    if (group) group.setAttribute("role", "radiogroup");
    marked.setAttribute("aria-invalid", "true");
    marked.setAttribute("aria-describedby", (line.id + " " + (marked.getAttribute("aria-describedby") || "")).trim());
  }
  function summarize(input, why) {
    var summary = template.content.firstElementChild.cloneNode(true), link = summary.querySelector("a");
    link.textContent = why;
    link.href = "#" + input.id;
    document.querySelector("main").prepend(summary);
    if (document.title.indexOf(template.dataset.error) !== 0) document.title = template.dataset.error + " " + document.title;
  }

  // Taken over (and so no longer waiting on the phone) when the form of that act is on this page.
  document.addEventListener("refused", function (refused) {
    var fields = refused.detail.fields, wrong = (refused.detail.problem.errors || [])[0];
    var form = fields && wrong && formOf(fields), found = form && form.elements[wrong.field];
    if (!found) return;
    refused.preventDefault();
    clear();
    fill(form, fields);
    var radios = found instanceof RadioNodeList;
    var input = radios ? Array.from(found).find(function (one) { return one.checked; }) || found[0] : found;
    input.id = input.id || wrong.field;
    explain(input, radios ? input.closest("fieldset") : null, wrong.field, wrong.detail);
    summarize(input, wrong.detail);
    if (form.closest("details")) form.closest("details").open = true;
    input.focus();
  });
})();
