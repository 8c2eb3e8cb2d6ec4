// Shares where the technician is with the customer who waits: only after a tap, only on the way, and until they stop.
(function () {
  "use strict";
  var part = document.getElementById("share");
  if (!part || !navigator.geolocation || !window.isSecureContext) return;
  var start = part.querySelector("[value=start]"), stop = part.querySelector("[value=stop]");
  var status = part.querySelector("[role=status]"), key = "share/" + part.dataset.visit;
  var EVERY = 15000, watch = null, last = 0, sending = Promise.resolve();
  part.hidden = false;
  start.addEventListener("click", function () { begin(); });
  stop.addEventListener("click", function () { end(part.dataset.off); });
  if (sessionStorage.getItem(key)) begin();  // the page was loaded again: by another tap, say

  function begin() {
    sessionStorage.setItem(key, "yes");
    show(part.dataset.on);
    watch = navigator.geolocation.watchPosition(say, function (error) {
      if (error.code === error.PERMISSION_DENIED) end(part.dataset.denied);
      else status.textContent = part.dataset.unclear;
    }, {enableHighAccuracy: true, maximumAge: 10000, timeout: 60000});
  }

  function say(position) {
    var now = Date.now(), at = position.coords;
    if (watch === null || now - last < EVERY) return;
    last = now;
    show(at.accuracy > 100 ? part.dataset.unclear : part.dataset.on);
    post({lat: at.latitude, lon: at.longitude, accuracy: at.accuracy, age: Math.max(0, now - position.timestamp)})
      .then(function (answer) {
        if (answer && (answer.status === 404 || answer.status === 409)) end(part.dataset.off);  // they have arrived
      });
  }

  // One after the other, so that nothing comes after "stop".
  function post(fields) {
    sending = sending.then(function () {
      return fetch(part.dataset.url, {method: "POST", body: new URLSearchParams(fields)});
    }).catch(function () { /* no network: the dot goes by itself */ });
    return sending;
  }

  function end(said) {
    if (watch !== null) navigator.geolocation.clearWatch(watch);
    watch = null;
    sessionStorage.removeItem(key);
    show(said);
    post({stop: "yes"});
  }

  function show(said) {
    start.hidden = watch !== null || said === part.dataset.on;
    stop.hidden = !start.hidden;
    status.textContent = said;
  }
})();
