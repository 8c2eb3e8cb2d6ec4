// A field to sign in with a finger: its strokes go along with "done", as points. Without it a name is typed.
(function () {
  "use strict";
  var part = document.getElementById("sign");
  if (!part || !window.PointerEvent) return;
  var field = part.querySelector("canvas"), kept = part.querySelector("[name=drawing]");
  var clear = part.querySelector("[type=button]"), pen = field.getContext("2d"), MOST = 2900, CLOSE = 3;
  var strokes = kept.value ? kept.value.split(";").map(function (one) {
    return one.split(" ").map(function (point) { return point.split(",").map(Number); });
  }) : [], stroke = null, points = 0;
  field.hidden = clear.hidden = false;
  draw();

  field.addEventListener("pointerdown", function (event) {
    if (stroke || points >= MOST) return;
    event.preventDefault();
    field.setPointerCapture(event.pointerId);
    stroke = [];
    strokes.push(stroke);
    add(event);
  });
  field.addEventListener("pointermove", function (event) { if (stroke) add(event); });
  ["pointerup", "pointercancel"].forEach(function (name) {
    field.addEventListener(name, function () {
      stroke = null;
      kept.value = strokes.map(function (one) {
        return one.map(function (point) { return point.join(","); }).join(" ");
      }).join(";");
    });
  });
  clear.addEventListener("click", function () {
    strokes = [];
    points = 0;
    kept.value = "";
    draw();
  });

  function add(event) {
    var box = field.getBoundingClientRect(), last = stroke[stroke.length - 1];
    var x = within((event.clientX - box.left) / box.width * field.width, field.width);
    var y = within((event.clientY - box.top) / box.height * field.height, field.height);
    if (points >= MOST || (last && Math.abs(x - last[0]) + Math.abs(y - last[1]) < CLOSE)) return;
    stroke.push([x, y]);
    points += 1;
    draw();
  }

  function within(value, most) { return Math.max(0, Math.min(most, Math.round(value))); }

  function draw() {
    pen.clearRect(0, 0, field.width, field.height);
    pen.lineWidth = 4;
    pen.lineCap = pen.lineJoin = "round";
    pen.strokeStyle = getComputedStyle(part).color;
    strokes.forEach(function (one) {
      pen.beginPath();
      one.forEach(function (point, number) { pen[number ? "lineTo" : "moveTo"](point[0], point[1]); });
      if (one.length === 1) pen.lineTo(one[0][0] + 0.1, one[0][1]);
      pen.stroke();
    });
  }
})();
