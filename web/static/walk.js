// On each page of somebody who is logged in. Checking in on a bad network: what happens at a checkpoint is kept on the phone with its time,
// and sent when there is a connection. The server takes the same check-in once, however often it
// comes. Times go as "so long ago", so that a phone whose clock is wrong tells the right moment.
const form = document.getElementById("check-in");
const state = document.getElementById("kept");
const words = state?.dataset ?? {};
const KEY = "linli.check-ins";
const RETRY_MS = 10_000;
const PATIENCE_MS = 20_000;
const AT = /^\/walks\/at\/([a-z0-9-]+)\/([a-z0-9-]+)\/([a-z0-9-]+)$/;
let sending = false;

const read = () => { try { return JSON.parse(localStorage.getItem(KEY)) ?? []; } catch { return []; } };
const write = (kept) => { try { localStorage.setItem(KEY, JSON.stringify(kept)); return true; } catch { return false; } };

function say(text) {
  if (!state) return;
  state.textContent = text;
  state.hidden = !text;
}

// The page in which this runs may be one that was stored, or outlived its session.
async function freshToken() {
  const page = await fetch("/walks/offline", { headers: { Accept: "text/html" }, cache: "no-store" });
  const found = new DOMParser().parseFromString(await page.text(), "text/html");
  return found.querySelector('meta[name="csrf-token"]').content;
}

let token = document.querySelector('meta[name="csrf-token"]').content;
function post(one) {
  const { at, key, ...rest } = one;
  const data = new FormData();
  data.set("csrf_token", token);
  data.set("age_ms", Math.max(0, Date.now() - at));
  for (const [name, value] of Object.entries(rest)) data.set(name, value);
  return fetch("/walks/check-in", {
    method: "POST", headers: { Accept: "application/json" }, body: data, signal: AbortSignal.timeout?.(PATIENCE_MS),
  });
}

// What became of one: "done", "wait" (it stays on the phone) or the reason why it is refused.
async function send(one) {
  let answer = await post(one);
  if (answer.status === 400) {
    token = await freshToken();
    answer = await post(one);
  }
  const json = answer.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : {};
  if (answer.ok && json.link) return { link: json.link };
  if (answer.status === 422) return { refused: json.error };
  return { wait: answer.status === 401 ? words.login : words.failed };
}

async function flush(mine) {
  if (sending || !read().length) return;
  sending = true;
  say(words.sending);
  let link, said = words.sent;
  try {
    for (const one of read()) {
      const became = await send(one);
      if (became.wait) {
        said = became.wait;
        break;
      }
      write(read().filter((other) => other.key !== one.key));
      if (became.refused) said = became.refused;
      if (became.link && (one.key === mine || became.link === location.pathname)) link = became.link;
    }
  } catch {
    said = words.kept;
  } finally {
    sending = false;
  }
  if (link && !read().length) location.assign(link);
  else say(said);
}

let mine;
let reports = false; // older phones do not say which button it was
for (const button of form?.querySelectorAll("button") ?? []) button.addEventListener("click", () => { reports = button.name === "report"; });
form?.addEventListener("submit", (event) => {
  const data = new FormData(form);
  data.delete("csrf_token");
  if (reports) data.set("report", "1");
  mine = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const one = { ...Object.fromEntries(data), at: Date.now(), key: mine };
  if (!write([...read(), one])) return;  // no room to keep anything: send it as a plain form
  event.preventDefault();
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  flush(mine);
});

// Stored for a moment without connection: the address says which checkpoint it is.
const offline = document.getElementById("at-checkpoint");
const where = AT.exec(location.pathname);
if (offline && where) {
  [form.elements.site.value, form.elements.place.value, form.elements.code.value] = where.slice(1);
  offline.hidden = false;
}

addEventListener("online", () => flush(mine));
setInterval(() => flush(mine), RETRY_MS);
flush();
navigator.serviceWorker?.register("/walks/worker.js").catch(() => {});
