// What a page hears from us while it is open. Server-Sent Events: an empty line ends each.
"use strict";
var stream = {
  // `take` gets each event ({name, id, data}); `alive` is called for all that comes, also a word that says nothing.
  read: function (reader, take, alive) {
    var decoder = new TextDecoder(), text = "";
    return (function more() {
      return reader.read().then(function (part) {
        if (part.done) return;
        alive();
        text += decoder.decode(part.value, {stream: true});
        var whole = text.split("\n\n");
        text = whole.pop();
        whole.forEach(function (lines) {
          var event = {name: "", id: "", data: []};
          lines.split("\n").forEach(function (one) {
            var at = one.indexOf(": "), value = one.slice(at + 2);
            if (one.slice(0, at) === "event") event.name = value;
            if (one.slice(0, at) === "id") event.id = value;
            if (one.slice(0, at) === "data") event.data.push(value);
          });
          event.data = event.data.join("\n");
          if (event.name) take(event);
        });
        return more();
      });
    })();
  }
};
