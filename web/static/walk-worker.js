// Answers for the pages of patrols when there is no connection: with the stored page on which a
// volunteer checks in. Nothing else is stored, and nothing of anybody.
const STORE = "linli-walks-1";
const PAGE = "/walks/offline";
const PARTS = ["/static/linli.css", "/static/residents.css", "/static/walk.js", "/static/mark.svg"];
const PATIENCE_MS = 8_000;

const keep = async () => (await caches.open(STORE)).addAll([PAGE, ...PARTS]);

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep());
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// Fresh where the network answers in time.
async function answer(request) {
  try {
    const late = new Promise((_, refuse) => setTimeout(refuse, PATIENCE_MS, new Error("no answer")));
    return await Promise.race([fetch(request), late]);
  } catch (error) {
    const page = request.mode === "navigate" ? PAGE : new URL(request.url).pathname;
    const stored = await (await caches.open(STORE)).match(page);
    if (stored) return stored;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  if (method !== "GET") return;
  const { pathname } = new URL(url);
  if (mode !== "navigate" && !PARTS.includes(pathname)) return;
  event.respondWith(answer(event.request));
  // The reader may have chosen another language, or the pages may be newer.
  if (mode === "navigate") event.waitUntil(Promise.resolve(event.handled).then(keep).catch(() => {}));
});
