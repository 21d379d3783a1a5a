// Answers for the pages of its folder when there is no connection: with the one page that is stored,
// on which a volunteer checks in (/walks/) or a resident writes a report (/report). Nothing else is
// stored, and nothing of anybody.
const PAGE = new URL("offline", location).pathname;
const STORE = `linli-2-${PAGE}`;
const PART = /(?:href|src)="(\/static\/[^"]+)"/g;
const PATIENCE_MS = 8_000;
const FRESH_MS = 3_600_000;

async function keep() {
  const page = await fetch(PAGE, { cache: "no-store" });
  if (!page.ok) throw new Error("no page");
  const parts = [...(await page.clone().text()).matchAll(PART)].map((found) => found[1]);
  const store = await caches.open(STORE);
  await store.addAll([...new Set(parts)]); // named after their content: what is here already costs nothing
  await store.put(PAGE, page);
  for (const old of await store.keys()) {
    const { pathname, search } = new URL(old.url);
    if (pathname !== PAGE && !parts.includes(pathname + search)) await store.delete(old);
  }
}

// The reader may have chosen another language, or the pages may be newer.
async function renew() {
  const stored = await (await caches.open(STORE)).match(PAGE, { ignoreVary: true });
  if (!stored || !(Date.now() - Date.parse(stored.headers.get("Date")) < FRESH_MS)) await keep();
}

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
    const stored = await (await caches.open(STORE)).match(request.mode === "navigate" ? PAGE : request, { ignoreVary: true });
    if (stored) return stored;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  if (method !== "GET") return;
  if (mode !== "navigate" && !new URL(url).pathname.startsWith("/static/")) return;
  event.respondWith(answer(event.request));
  if (mode === "navigate") event.waitUntil(Promise.resolve(event.handled).then(renew).catch(() => {}));
});
