// Ages that tick, by the server's clock: a wrong clock in the control room must not lie.
const STALE_MS = 60_000;
const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1000]];
const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always", style: "narrow" });
let ahead = Number(document.body.dataset.now) - Date.now();

export function tellTime(serverMs) {
  ahead = serverMs - Date.now();
}

function words(ms) {
  const [unit, size] = units.find(([, one]) => ms >= one) ?? units[3];
  return format.format(-Math.floor(Math.max(ms, 0) / size), unit);
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function drawAges(root = document) {
  const now = Date.now() + ahead;
  for (const element of root.querySelectorAll("time.age")) {
    put(element, words(now - Number(element.dataset.ts)));
    element.dataset.drawn = "";
  }
  for (const card of root.querySelectorAll(".card[data-ts]")) {
    const stale = now - Number(card.dataset.ts) > STALE_MS;
    card.classList.toggle("stale", stale);
    document.getElementById(card.id.replace("place.", "spot."))?.classList.toggle("stale", stale);
  }
  for (const camera of root.querySelectorAll(".spot.camera[data-ts]")) {
    const stale = Number(camera.dataset.ts) > 0 && now - Number(camera.dataset.ts) > STALE_MS;
    camera.classList.toggle("stale", stale);
  }
  const wall = document.getElementById("wall");
  if (wall) {
    put(wall, new Date(now).toLocaleTimeString("en-GB", { timeZone: wall.dataset.zone }));
  }
}

export function startAges() {
  drawAges();
  setInterval(drawAges, 1000);
}
