// The report form on a bad network: a draft with its photos is kept on the phone, photos are made
// small here, and what could not be sent is sent when the connection is back, once: its key says so.
const form = document.getElementById("report");
const state = document.getElementById("state");
const bar = document.getElementById("part");
const button = form.querySelector("button.big");
const words = form.dataset;
const KEY = "linli.report";
const SENT = "linli.sent";
const REMEMBERED = 10;
const RETRY_MS = 10_000;
const LONGEST_MS = 300_000;
const SILENCE_MS = 120_000; // a slow network still has much to carry when the phone has handed over all
const SIZES = [[1600, 0.8], [1280, 0.7], [1024, 0.6]];
const ENOUGH = 200_000; // bytes of a photo: half a minute at 50 kbit/s
const FIELDS = ["kind", "where", "spot", "text", "contact", "mail", "request_key"];
let sending = false;
let photos = [];
let making = Promise.resolve();
let wait = RETRY_MS; // doubles with each failure: each try costs battery, and the hub counts them
let next = 0;

const stored = (key) => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } };
const store = (key, value) => { try { localStorage.setItem(key, JSON.stringify(value)); return true; } catch { return false; } };
const read = () => stored(KEY) ?? {};
const keep = (draft) => store(KEY, draft);

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
const keepPhotos = () => photoStore("readwrite", (store) => store.put(photos, "draft")).then(() => true, () => !photos.length);
const keptPhotos = () => photoStore("readonly", (store) => store.get("draft")).then((found) => found ?? [], () => []);

function say(text, more) {
  state.textContent = text;
  if (more) state.append(" ", more);
  state.hidden = !text;
}

function typed() {
  const data = new FormData(form);
  return Object.fromEntries(FIELDS.map((name) => [name, data.get(name) ?? ""]));
}

// What a QR code at a place chose is kept, but not for a report that only waits for its way.
function restore(draft) {
  for (const name of FIELDS) {
    const field = form.elements[name];
    const chosen = name === "where" && field.value && !field.value.endsWith("/") && !draft.pending;
    if (field?.type === "checkbox") field.checked = Boolean(draft[name]);
    else if (draft[name] && field && !chosen) field.value = draft[name];
  }
}

const encoded = (canvas, type, quality) => new Promise((resolve) => canvas.toBlob(resolve, type, quality));

// A photo as a slow network carries it; what cannot be opened here goes as it is, and the hub says
// whether it can.
async function small(file) {
  try {
    const picture = await createImageBitmap(file);
    let made;
    for (const [side, quality] of SIZES) {
      const scale = Math.min(1, side / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      made = await encoded(canvas, "image/webp", quality);
      if (made?.type !== "image/webp") made = await encoded(canvas, "image/jpeg", quality);
      if (made && made.size <= ENOUGH) break;
    }
    return made ?? file;
  } catch {
    return file;
  }
}

// The photos of the report, each with a way to take it off again.
const list = document.getElementById("chosen");
function drawPhotos() {
  const items = photos.map((photo, i) => {
    const item = document.createElement("li");
    const off = document.createElement("button");
    off.type = "button";
    off.className = "quiet";
    off.textContent = list.dataset.remove;
    off.setAttribute("aria-label", `${list.dataset.remove} ${i + 1}`);
    off.addEventListener("click", () => { photos.splice(i, 1); morePhotos(); });
    item.append(thumb(photo), `${list.dataset.photo} ${i + 1}`, off);
    return item;
  });
  list.replaceChildren(...items);
  list.hidden = !items.length;
}

function thumb(photo) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [96, 72];
  createImageBitmap(photo).then((picture) => {
    const scale = Math.max(96 / picture.width, 72 / picture.height);
    const [w, h] = [picture.width * scale, picture.height * scale];
    canvas.getContext("2d").drawImage(picture, (96 - w) / 2, (72 - h) / 2, w, h);
  }, () => {});
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

async function take(files) {
  for (const file of files) { // one at a time: phones have little memory
    if (photos.length >= Number(list.dataset.most)) {
      say(list.dataset.many);
      break;
    }
    photos.push(await small(file));
  }
  await morePhotos();
}

form.elements.photos.addEventListener("change", (event) => {
  const files = [...event.target.files];
  event.target.value = ""; // they are here now: choosing again adds more
  making = making.then(() => take(files));
});

const patience = (ms) => AbortSignal.timeout?.(ms); // older phones wait as long as it takes

async function freshToken() {
  const page = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", signal: patience(SILENCE_MS) });
  const found = new DOMParser().parseFromString(await page.text(), "text/html");
  form.elements.csrf_token.value = found.querySelector('meta[name="csrf-token"]').content;
}

// XMLHttpRequest, because it says how much has gone.
function post(draft) {
  const data = new FormData();
  data.set("csrf_token", form.elements.csrf_token.value);
  data.set("website", form.elements.website.value);
  for (const name of FIELDS) data.set(name, draft[name] ?? "");
  photos.forEach((photo, i) => data.append("photos", photo, photo.name ?? `photo-${i}`));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let silence;
    const heard = () => { clearTimeout(silence); silence = setTimeout(() => request.abort(), SILENCE_MS); };
    request.upload.onprogress = (event) => { heard(); bar.value = event.loaded / event.total; };
    request.upload.onload = () => bar.removeAttribute("value"); // out of the phone, not yet with us
    request.onload = () => resolve({ status: request.status, found: request.response ?? {} });
    request.onerror = request.onabort = () => reject(new Error("no answer"));
    request.onloadend = () => clearTimeout(silence);
    request.open("POST", form.action);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    heard();
    request.send(data);
  });
}

function busy(yes) {
  sending = button.disabled = yes;
  bar.hidden = !yes;
  bar.value = 0;
}

// Everything is on the phone before anything goes: a page that is closed meanwhile sends it later.
async function send() {
  if (sending) return;
  busy(true);
  say(words.sending);
  await making;
  const draft = { ...typed(), pending: true };
  const whole = keep(draft) && await keepPhotos();
  try {
    let answer = await post(draft);
    if (answer.status === 400) {
      await freshToken();
      answer = await post(draft);
    }
    if (answer.status >= 500) say(whole ? words.later : words.failed);
    else await finish(answer, draft);
  } catch {
    say(whole ? words.kept : words.keptBare);
  } finally {
    busy(false);
    next = Date.now() + wait;
    wait = Math.min(2 * wait, LONGEST_MS);
  }
}

async function finish({ status, found }, draft) {
  if (status === 200 && found.link) {
    await forget();
    remember(found);
    // A page that does not come would take the code away from the eyes.
    await fetch(found.link, { method: "HEAD", signal: patience(RETRY_MS) }).then(() => location.assign(found.link), () => {});
    return;
  }
  const enough = status === 429; // there is a way, later
  if (enough) wait = LONGEST_MS;
  keep({ ...draft, pending: enough });
  say(Object.values(found.errors ?? {})[0] ?? found.error ?? words.failed);
  state.scrollIntoView({ block: "center" });
}

const freshKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// Who comes back to this page writes another report, and not the same again.
async function forget() {
  localStorage.removeItem(KEY);
  photos = [];
  form.reset();
  form.elements.request_key.value = freshKey();
  await keepPhotos();
  drawPhotos();
}

// The way back to what was sent from this phone, also where the next page never came.
function remember({ code, link }) {
  const follow = document.createElement("a");
  follow.href = link;
  follow.textContent = code;
  say(words.done, follow);
  store(SENT, [{ code, link }, ...(stored(SENT) ?? [])].slice(0, REMEMBERED));
  drawSent();
}

function drawSent() {
  const sent = document.getElementById("sent");
  const items = (stored(SENT) ?? []).map(({ code, link }) => {
    const item = document.createElement("li");
    const way = document.createElement("a");
    [way.textContent, way.href] = [code, new URL(link, location.origin).pathname];
    item.append(way);
    return item;
  });
  sent.querySelector("ul").replaceChildren(...items);
  sent.hidden = !items.length;
}
document.getElementById("forget-sent").addEventListener("click", () => { localStorage.removeItem(SENT); drawSent(); });

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

const again = () => { if (read().pending && Date.now() >= next) send(); };

let timer, asking;
function look() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const { kind, where, text } = typed();
    if (sending || !kind || !(text.length > 3 || !where.endsWith("/"))) return;
    asking?.abort(); // an older answer is not to come last
    asking = new AbortController();
    try {
      const answer = await fetch(`${words.similar}?${new URLSearchParams({ kind, where, text })}`, { signal: asking.signal });
      if (answer.ok) similar.innerHTML = await answer.text();
    } catch { /* no connection: the report itself can wait, this need not be */ }
  }, 500);
}

// What is being changed does not go by itself.
function changed() {
  if (sending) return;
  if (read().pending) say(words.unsent);
  keep(typed());
}

async function morePhotos() {
  changed();
  drawPhotos();
  await keepPhotos();
}

const similar = document.getElementById("similar");
let joins = false;
similar.addEventListener("click", (event) => { joins = event.target.hasAttribute("data-plain"); });
form.addEventListener("submit", (event) => {
  if (joins) {
    forget();
    return;
  }
  event.preventDefault();
  send();
  state.scrollIntoView({ block: "nearest" });
});
form.addEventListener("input", (event) => {
  mark();
  if (event.target !== form.elements.photos) changed();
  look();
});
addEventListener("online", () => {
  [wait, next] = [RETRY_MS, 0];
  again();
});
setInterval(again, RETRY_MS);

// A form that was stored on the phone is shown for any place, and more than once.
if ("stored" in words) {
  form.elements.request_key.value = freshKey();
  const place = new URLSearchParams(location.search).get("place");
  const option = [...form.elements.where.options].find(({ value }) => place && (value === place || value.endsWith(`/${place}`)));
  if (option) form.elements.where.value = option.value;
}

const before = read();
if (before.request_key) restore(before);
mark();
drawSent();
making = keptPhotos().then((found) => { photos = found; drawPhotos(); });
making.then(again);
addEventListener("load", () => navigator.serviceWorker?.register("/report/worker.js", { scope: "/report" }).catch(() => {}));
