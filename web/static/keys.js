// Keys for those who sit here for eight hours: shown with ?.
import { askToResolve } from "./act.js";

const story = () => document.querySelector("[data-story]");
const rows = () => [...document.querySelectorAll("li.alert")];
const current = () => document.activeElement?.closest("li.alert");
const one = (selector) => document.querySelector(selector);

function move(step) {
  if (story()) {
    one(`[data-do="${step > 0 ? "next" : "previous"}"]`)?.click();
    return;
  }
  const all = rows();
  const at = all.indexOf(current());
  const next = at < 0 ? all[step > 0 ? 0 : all.length - 1] : all[at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function resolve() {
  if (story()) one("#note-here")?.focus();
  else if (current()?.querySelector('[data-act="resolve"]')) askToResolve(current());
}

const verbs = {
  j: () => move(1),
  k: () => move(-1),
  a: () => (current() ?? story())?.querySelector('form[data-act="acknowledge"]')?.requestSubmit(),
  r: resolve,
  t: () => one('[data-do="take"]')?.click(),
  v: () => one("#verdict-here")?.focus(),
  n: () => one("#story-here")?.focus(),
  s: () => one("#reason-here")?.focus(),
  "/": () => { if (one("[data-search]")) one("[data-search]").focus(); else location.assign("/alerts#search"); },
  "?": () => document.getElementById("keys").showModal(),
  Enter: () => { if (document.activeElement === current()) current()?.querySelector('[data-key="open"]').click(); },
};

function onKey(event) {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
  if (event.key === "Enter" && event.ctrlKey) event.target.closest("form")?.requestSubmit();
  if (event.key === "Escape" && typing && !typing.closest("dialog")) typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !verbs[event.key]) return;
  if (event.key !== "Enter") event.preventDefault();
  verbs[event.key]();
}

// One box marks all that can be marked; without this file each is marked by itself.
function startMarking() {
  for (const part of document.querySelectorAll("[data-all]")) part.hidden = false;
  const all = one("input[data-all]");
  all?.addEventListener("change", () => {
    for (const box of document.querySelectorAll('input[form="many"]')) box.checked = all.checked;
  });
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
  const button = document.getElementById("show-keys");
  button.hidden = false;
  button.addEventListener("click", verbs["?"]);
  startMarking();
  if (location.hash === "#search") one("[data-search]")?.focus();
}
