// Keys for those who sit here for eight hours: j and k, a, r, ?.
import { askToResolve } from "./act.js";

const rows = () => [...document.querySelectorAll("li.alert")];
const current = () => document.activeElement?.closest("li.alert");

function move(step) {
  const all = rows();
  const at = all.indexOf(current());
  const next = at < 0 ? all[step > 0 ? 0 : all.length - 1] : all[at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const verbs = {
  j: () => move(1),
  k: () => move(-1),
  a: () => current()?.querySelector('form[data-act="acknowledge"]')?.requestSubmit(),
  r: () => { if (current()?.querySelector('[data-act="resolve"]')) askToResolve(current()); },
  "?": () => document.getElementById("keys").showModal(),
  Enter: () => { if (document.activeElement === current()) current()?.querySelector('[data-key="open"]').click(); },
};

function onKey(event) {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !verbs[event.key]) return;
  if (event.key !== "Enter") event.preventDefault();
  verbs[event.key]();
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
  const button = document.getElementById("show-keys");
  button.hidden = false;
  button.addEventListener("click", verbs["?"]);
}
