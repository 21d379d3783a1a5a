// A live view: the page is asked anew every moment, and its picture exchanged, until it ends.
import { tellTime } from "./ages.js";
import { isPressed } from "./press.js";
import { swap } from "./swap.js";

const EVERY_MS = 1000;
let timer = null;

async function page() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  return answer.ok && !answer.redirected
    ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

async function look() {
  const fresh = await page().catch(() => null);
  const old = document.getElementById("watch");
  const next = isPressed() ? null : fresh?.getElementById("watch");
  if (next) {
    tellTime(Number(fresh.body.dataset.now));
    // What is newest below the view is left for the reader to load: nothing jumps when it ends.
    swap(old, document.adoptNode(next));
  }
  if ((next ?? old).dataset.ends) timer = setTimeout(look, EVERY_MS);
}

export function startWatching() {
  if (!document.getElementById("watch")?.dataset.ends) return;
  timer = setTimeout(look, EVERY_MS);
  addEventListener("pagehide", () => clearTimeout(timer));
  addEventListener("pageshow", (event) => { if (event.persisted) look(); });
}
