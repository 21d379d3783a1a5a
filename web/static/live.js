// The line to the server: events in, a banner when it is cut, and a way back.
import { toastAlert } from "./act.js";
import { drawAges, tellTime } from "./ages.js";
import { whenReleased } from "./press.js";
import { ring } from "./sound.js";
import { insertInOrder, keepStill, made, swap } from "./swap.js";

const SILENCE_MS = 3000;
const RELOAD_MS = 5000;
const words = document.getElementById("words").dataset;
const banner = document.getElementById("banner");
const line = document.getElementById("line");
const list = document.getElementById("live-alerts");
const title = document.title;
let source = null;
let heard = performance.now();
let after = document.body.dataset.after ?? "";
let full = false;
let out = false;
let resting = false;
let closedSince = 0;

// A page that shows no alerts tells of new ones all the same: those raised since this tab last heard.
const board = document.body.classList.contains("live");
const RECENT_MS = 60_000;
const told = new Set();
let since = Number(document.body.dataset.now);

function show(text) {
  if (banner.hidden !== !text) banner.hidden = !text;
  if (banner.textContent !== text) banner.textContent = text;
  line.classList.toggle("off", Boolean(text));
  const state = text ? words.off : words.live;
  const label = line.querySelector(".words");
  if (label.textContent !== state) label.textContent = state;
}

function count(firing) {
  for (const badge of document.querySelectorAll("#firing, #active")) badge.textContent = firing;
  document.getElementById("active").hidden = !firing;
  const more = document.getElementById("more");
  if (more) more.hidden = firing <= list.children.length;
  document.title = firing && document.body.dataset.sound !== "off" ? `(${firing}) ${title}` : title;
}

function announce(row) {
  document.getElementById("said").textContent = `${words.fresh}: ${row.getAttribute("aria-label")}`;
}

// In a list whose rows can be marked, a row keeps its mark, and its way into the filtered list.
function withMark(old, row) {
  const box = old.querySelector('input[name="alert"]');
  if (box && row.querySelector('[data-act="acknowledge"]')) row.querySelector(".head").prepend(box);
  const [was, is] = [old, row].map((one) => one.querySelector('[data-key="open"]'));
  if (was && is) is.href = was.href;
  return row;
}

// Of an alert that has no row here.
function tell({ alert, waits_since }, row) {
  if (waits_since <= since || told.has(alert) || alert === document.body.dataset.alert) return;
  told.add(alert);
  announce(row);
  ring(row);
  toastAlert(row);
}

function putAlert(piece) {
  const { id, html, active } = piece;
  const old = document.getElementById(id);
  if (!html) {
    old?.remove();
    return;
  }
  const row = made(html);
  if (!list) {
    if (old) swap(old, withMark(old, row));
    else tell(piece, row);
  } else if (old && active) {
    swap(old, row); // where it is: a row that somebody takes must not jump under the pointer
  } else if (old) {
    takeAway(old);
  } else if (active) {
    row.classList.add("fresh");
    keepStill(list, () => insertInOrder(list, row));
    announce(row);
    ring(row);
  }
}

// The plan shows each place as its card does.
function mirror(id) {
  const spot = document.getElementById(id.replace("place.", "spot."));
  const card = document.getElementById(id);
  if (!spot || spot === card) return;
  spot.setAttribute("class", `spot ${card.dataset.state}`);
  spot.setAttribute("aria-label", card.dataset.says);
  spot.querySelector("title").textContent = card.dataset.says;
  spot.querySelector(".much").textContent = card.dataset.much;
}

// So a camera or sensor, which has no card.
function mark({ id, state, says, ts }) {
  const spot = document.getElementById(id);
  if (!spot) return;
  const kind = spot.classList.contains("camera") ? "camera" : "sensor";
  spot.setAttribute("class", `spot thing ${kind} ${state}`);
  spot.setAttribute("aria-label", says);
  spot.querySelector("title").textContent = says;
  if (kind === "camera") spot.dataset.ts = ts;
}

function takeAway(row) {
  const heir = row.contains(document.activeElement) && (row.nextElementSibling ?? row.previousElementSibling);
  keepStill(list, () => row.remove());
  if (heir) heir.focus({ preventScroll: true });
}

// The next page in this tab goes on from here, so that nothing goes untold between two pages.
function remember(id, now) {
  after = id || after;
  sessionStorage.setItem("linli.heard", JSON.stringify({ after, now }));
}

function goOn() {
  const heard = JSON.parse(sessionStorage.getItem("linli.heard") ?? "null");
  if (!heard || since - heard.now > RECENT_MS) return;
  ({ after, now: since } = heard);
}

function news(event) {
  const found = JSON.parse(event.data);
  tellTime(found.now);
  remember(event.lastEventId, found.now);
  for (const piece of found.alerts) putAlert(piece);
  for (const { id, html } of found.swap) {
    const old = document.getElementById(id);
    if (old) swap(old, made(html));
    mirror(id);
  }
  for (const one of found.spots) mark(one);
  count(found.firing);
  // Those that were kept back move up when others go.
  if (list && list.children.length < Math.min(found.firing, Number(list.dataset.shown))) reload();
  const story = document.body.dataset.alert;
  if (story && found.alerts.some((one) => one.alert === story)) reload();
}

// Fetch this page anew and put each of its parts in place: after a gap, or when too many listen.
async function reload() {
  if (!board) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer) return;
  if (answer.redirected && new URL(answer.url).pathname === "/login") {
    leave();
    return;
  }
  const text = answer.ok ? await answer.text().catch(() => null) : null; // cut in its middle
  if (text === null) return;
  whenReleased(() => redraw(text));
}

function redraw(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  tellTime(Number(fresh.body.dataset.now));
  after = fresh.body.dataset.after ?? after;
  if (full) heard = performance.now();
  if (list) reloadBoard(fresh);
  else reloadStory(fresh);
  drawAges();
}

function reloadBoard(fresh) {
  const rows = [...fresh.querySelectorAll("#live-alerts > li")];
  const ids = new Set(rows.map((row) => row.id));
  for (const row of [...list.children]) if (!ids.has(row.id)) takeAway(row);
  for (const row of rows) putAlert({ id: row.id, html: row.outerHTML, active: true });
  for (const part of fresh.querySelectorAll(".card, tbody tr, #broken")) {
    const old = document.getElementById(part.id);
    if (old) swap(old, made(part.outerHTML));
    mirror(part.id);
  }
  for (const one of fresh.querySelectorAll(".spot.thing")) {
    const state = [...one.classList].slice(3).join(" "); // after "spot thing camera"
    mark({ id: one.id, state, says: one.getAttribute("aria-label"), ts: one.dataset.ts });
  }
  count(Number(fresh.getElementById("firing").textContent));
}

function touched(field) {
  if (!field.options) return field.value !== field.defaultValue;
  const first = [...field.options].findIndex((option) => option.defaultSelected);
  return field.selectedIndex !== Math.max(0, first);
}

// Not while somebody types in it.
function reloadStory(fresh) {
  const old = document.querySelector("[data-story]");
  const next = fresh.querySelector("[data-story]");
  const fields = [...(old?.querySelectorAll("textarea, input:not([type=hidden]), select") ?? [])];
  if (old && next && !fields.some(touched)) swap(old, document.adoptNode(next));
}

function leave() {
  out = true;
  source?.close();
  show(words.out);
}

function connect() {
  source?.close();
  source = new EventSource(after ? `/live?after=${after}` : "/live");
  const beat = (then) => (event) => { heard = performance.now(); full = false; then(event); };
  source.addEventListener("beat", beat((event) => {
    tellTime(Number(event.data));
    remember("", Number(event.data));
  }));
  source.addEventListener("news", beat((event) => whenReleased(() => news(event))));
  source.addEventListener("resync", beat(reload));
  source.addEventListener("bye", () => { source.close(); reload(); });
}

// A browser tries again by itself after a cut, but not after a refusal: then it asks why.
async function tryAgain() {
  closedSince = performance.now();
  const answer = await fetch("/live?why", { headers: { Accept: "application/json" }, method: "HEAD" }).catch(() => null);
  if (answer?.status === 401) {
    leave();
    return;
  }
  full = answer?.status === 503;
  if (full) await reload();
  connect();
}

function watch() {
  if (out || resting) return;
  const silent = performance.now() - heard > SILENCE_MS;
  show(full ? (board ? words.full : words.busy) : silent ? words.lost : "");
  const shut = source.readyState === EventSource.CLOSED;
  const stuck = silent && performance.now() - heard > 4 * SILENCE_MS;
  if ((shut || stuck) && performance.now() - closedSince > (full ? RELOAD_MS : 2000)) tryAgain();
}

// A browser opens few connections to one server, and two pages that ring are one too many: of the
// pages that nobody sees, only the one that was seen last keeps its line.
function startResting() {
  const me = String(performance.timeOrigin + Math.random());
  const seen = () => {
    if (document.hidden) return;
    localStorage.setItem("linli.seen", me);
    if (!resting) return;
    resting = false;
    heard = performance.now();
    connect();
  };
  addEventListener("storage", ({ key }) => {
    if (key !== "linli.seen" || !document.hidden || resting) return;
    resting = true;
    source.close();
  });
  document.addEventListener("visibilitychange", seen);
  seen();
}

export function startLive() {
  line.hidden = false;
  if (!board) goOn();
  count(Number(document.getElementById("active").textContent));
  connect();
  startResting();
  setInterval(watch, 500);
  // A machine that slept comes back with a line that only looks open.
  addEventListener("online", () => { if (!out && !resting) connect(); });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) { reload(); connect(); } });
}
