// The report form on a bad network: a draft is kept on the phone, photos are made small here,
// and what could not be sent is sent when the connection is back, once: its key says so.
const form = document.getElementById("report");
const state = document.getElementById("state");
const words = form.dataset;
const KEY = "linli.report";
const RETRY_MS = 10_000;
const LONG_SIDE = 1600;
const FIELDS = ["kind", "where", "spot", "text", "contact", "mail", "request_key"];
let sending = false;

const read = () => { try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { return {}; } };
const keep = (draft) => { try { localStorage.setItem(KEY, JSON.stringify(draft)); return true; } catch { return false; } };

// Photos wait in IndexedDB, which takes files as they are, and more of them than localStorage.
function photoStore(mode, ask) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(KEY, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("photos");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const change = opening.result.transaction("photos", mode);
      const answer = ask(change.objectStore("photos"));
      change.oncomplete = () => { opening.result.close(); resolve(answer.result); };
      change.onabort = () => { opening.result.close(); reject(change.error); };
    };
  });
}
const keepPhotos = (photos) => photoStore("readwrite", (store) => store.put(photos, "draft")).then(() => true, () => false);
const keptPhotos = () => photoStore("readonly", (store) => store.get("draft")).then((found) => found ?? [], () => []);

async function forget() {
  localStorage.removeItem(KEY);
  await keepPhotos([]);
}

function say(text) {
  state.textContent = text;
  state.hidden = !text;
}

function typed() {
  const data = new FormData(form);
  return Object.fromEntries(FIELDS.map((name) => [name, data.get(name) ?? ""]));
}

function restore(draft) {
  for (const name of FIELDS) {
    const field = form.elements[name];
    if (field?.type === "checkbox") field.checked = Boolean(draft[name]);
    else if (draft[name] && field && !(name === "where" && field.value && !field.value.endsWith("/"))) field.value = draft[name];
  }
}

// A photo as a JPEG that a slow network carries; what cannot be opened here goes as it is, and the
// hub says whether it can.
async function small(file) {
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, LONG_SIDE / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob((jpeg) => resolve(jpeg ?? file), "image/jpeg", 0.82));
  } catch {
    return file;
  }
}

async function chosen() {
  const photos = [];
  for (const file of form.elements.photos.files) photos.push(await small(file)); // one at a time: phones have little memory
  return photos;
}

async function freshToken() {
  const page = await fetch(location.href, { headers: { Accept: "text/html" } });
  const found = new DOMParser().parseFromString(await page.text(), "text/html");
  form.elements.csrf_token.value = found.querySelector('meta[name="csrf-token"]').content;
}

function post(draft, photos) {
  const data = new FormData();
  data.set("csrf_token", form.elements.csrf_token.value);
  data.set("website", form.elements.website.value);
  for (const name of FIELDS) data.set(name, draft[name] ?? "");
  photos.forEach((photo, i) => data.append("photos", photo, photo.name ?? `photo-${i}.jpg`));
  return fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: data });
}

async function send(draft, photos) {
  if (sending) return;
  sending = true;
  say(words.sending);
  try {
    let answer = await post(draft, photos);
    if (answer.status === 400) {
      await freshToken();
      answer = await post(draft, photos);
    }
    await finish(answer, draft);
  } catch {
    const whole = await keepPhotos(photos);
    keep({ ...draft, pending: true });
    say(whole || !photos.length ? words.kept : words.keptBare);
  } finally {
    sending = false;
  }
}

async function finish(answer, draft) {
  const found = answer.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : {};
  if (answer.ok && found.link) {
    await forget();
    location.assign(found.link);
    return;
  }
  keep({ ...draft, pending: false });
  say(Object.values(found.errors ?? {})[0] ?? found.error ?? words.failed);
  state.scrollIntoView({ block: "center" });
}

// The plan and the list say the same place.
const spots = [...document.querySelectorAll("[data-where]")];
function mark() {
  for (const spot of spots) {
    if (spot.dataset.where === form.elements.where.value) spot.setAttribute("aria-current", "true");
    else spot.removeAttribute("aria-current");
  }
}
for (const spot of spots) {
  spot.addEventListener("click", (event) => {
    event.preventDefault();
    form.elements.where.value = spot.dataset.where;
    form.elements.where.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

async function again() {
  const draft = read();
  if (draft.pending && !sending) send(draft, await keptPhotos());
}

let timer;
function look() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const { kind, where, text } = typed();
    if (!kind || !(text.length > 3 || !where.endsWith("/"))) return;
    try {
      const answer = await fetch(`${words.similar}?${new URLSearchParams({ kind, where, text })}`);
      if (answer.ok) document.getElementById("similar").innerHTML = await answer.text();
    } catch { /* no connection: the report itself can wait, this need not be */ }
  }, 500);
}

form.addEventListener("submit", async (event) => {
  if (event.submitter?.hasAttribute("data-plain")) {
    forget();
    return;
  }
  event.preventDefault();
  send(typed(), await chosen());
});
form.addEventListener("input", () => {
  mark();
  if (!sending) keep({ ...read(), ...typed() });
  look();
});
addEventListener("online", again);
setInterval(again, RETRY_MS);

const before = read();
if (before.request_key) restore(before);
mark();
again();
