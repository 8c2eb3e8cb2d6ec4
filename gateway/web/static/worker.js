// Keeps the technician's pages that were opened, so that they open in a cellar too. Network first; never a photo.
"use strict";
const STORE = "visits-1";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {  // what the page consists of: it was loaded before there was a worker
  event.waitUntil(caches.open(STORE).then((kept) => Promise.all(event.data.keep.map((url) =>
    fetch(url).then((answer) => answer.ok && kept.put(url, answer)).catch(() => undefined)))));
});

self.addEventListener("fetch", (event) => {
  const request = event.request;
  const asset = new URL(request.url).pathname.includes("/static/");
  if (request.method !== "GET" || (request.mode !== "navigate" && !asset)) return;
  event.respondWith(caches.open(STORE).then(async (kept) => {
    try {
      const answer = await fetch(request);
      if (answer.ok) await kept.put(request.url, answer.clone());
      else if (answer.status === 404 || answer.status === 410) await kept.delete(request.url);  // the visit is over
      return answer;
    } catch (broken) {
      const before = await kept.match(request.url);
      if (before) return before;
      throw broken;
    }
  }));
});
