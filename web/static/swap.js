// Puts a newly drawn element in the place of the old one: focus, scroll and pictures stay.
import { drawAges } from "./ages.js";

const token = document.querySelector('meta[name="csrf-token"]').content;

export function made(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  const element = template.content.firstElementChild;
  for (const input of element.querySelectorAll('input[name="csrf_token"]')) input.value = token;
  drawAges(element);
  return element;
}

// A picture is exchanged only when the new one is ready, so that none ever flickers.
function holdPictures(old, fresh) {
  for (const next of fresh.querySelectorAll("img[data-hold]")) {
    const shown = old.querySelector(`img[data-hold="${next.dataset.hold}"]`);
    if (!shown) continue;
    const source = next.src;
    next.replaceWith(shown);
    shown.alt = next.alt;
    if (shown.src === source) continue;
    const loading = new Image();
    loading.src = source;
    const show = () => { shown.src = source; };
    loading.decode().then(show, show);
  }
}

export function swap(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.dataset.key;
  holdPictures(old, fresh);
  old.replaceWith(fresh);
  if (!focused) return;
  const same = key ? `[data-key="${key}"]` : focused.id && `#${CSS.escape(focused.id)}`;
  const heir = (same && fresh.querySelector(same)) || fresh;
  if (heir === fresh && !fresh.hasAttribute("tabindex")) fresh.tabIndex = -1;
  heir.focus({ preventScroll: true });
}

// What the reader looks at or points at stays where it is when something is put above it.
export function keepStill(list, change) {
  const held = list.contains(document.activeElement)
    ? document.activeElement.closest("li")
    : list.querySelector("li:hover");
  const before = held?.getBoundingClientRect().top;
  change();
  if (!held?.isConnected) return;
  const moved = held.getBoundingClientRect().top - before;
  const scroller = list.scrollHeight > list.clientHeight + 1 ? list : document.scrollingElement;
  if (moved) scroller.scrollTop += moved;
}

export function insertInOrder(list, row) {
  const next = [...list.children].find((one) => one.dataset.order > row.dataset.order);
  list.insertBefore(row, next ?? null);
}
