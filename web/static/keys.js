// Keys for those who sit here for eight hours: shown with ?. What a letter does stands in the page,
// as aria-keyshortcuts of the button, link or field that it presses or leads to.
const story = () => document.querySelector("[data-story]");
const rows = () => [...document.querySelectorAll("li.alert, .cases tbody th a")].filter((one) => one.checkVisibility());
const current = () => document.activeElement?.closest("li.alert");
const on = () => document.body.dataset.keys !== "off";

// What a row of a list has no room for is on the alert's own page.
const THERE = { t: "take-here", g: "owner-here", v: "verdict-here", n: "story-here", s: "reason-here" };

function found(key) {
  const means = `[aria-keyshortcuts="${CSS.escape(key)}"]`;
  const near = (current() ?? story())?.querySelector(means);
  return near ?? [...document.querySelectorAll(means)].find((one) => !one.closest("li.alert"));
}

function press(one) {
  const drawer = one.closest("details");
  if (drawer) drawer.open = true;
  if (one.matches("[role=group]")) one.querySelector("button").focus();
  else if (one.matches("select, textarea, input:not([type=checkbox])")) one.focus();
  else one.click();
}

function move(step) {
  const all = rows();
  const at = all.indexOf(current() ?? document.activeElement);
  const next = at < 0 ? all[step > 0 ? 0 : all.length - 1] : all[at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return Boolean(next);
}

const MOVES = {
  j: () => move(1),
  k: () => move(-1),
  "/": () => location.assign("/alerts#search"),
};

// Returns whether the key means something here.
function act(key) {
  const row = current();
  const choices = document.activeElement?.closest("[role=group][aria-keyshortcuts]")?.querySelectorAll("button");
  if (choices?.[key - 1]) choices[key - 1].click();
  else if (row && document.activeElement === row && key === "Enter") row.querySelector('[data-key="open"]').click();
  else if (row && THERE[key]) location.assign(`${row.querySelector('[data-key="open"]').href}#${THERE[key]}`);
  else if (found(key)) press(found(key));
  else if (MOVES[key]) MOVES[key]();
  else return false;
  return true;
}

function onKey(event) {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
  if (event.key === "Enter" && event.ctrlKey) event.target.closest("form")?.requestSubmit();
  if (event.key === "Escape" && typing && !typing.closest("dialog")) typing.blur();
  if (!on() || typing || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && document.activeElement !== current()) return;
  if (act(event.key)) event.preventDefault();
}

// One box marks all that can be marked; without this file each is marked by itself.
function startMarking() {
  for (const part of document.querySelectorAll("[data-all]")) part.hidden = false;
  const all = document.querySelector("input[data-all]");
  all?.addEventListener("change", () => {
    for (const box of document.querySelectorAll('input[form="many"]')) box.checked = all.checked;
  });
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
  const button = document.getElementById("show-keys");
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById("keys").showModal());
  startMarking();
  if (location.hash) document.getElementById(location.hash.slice(1))?.focus({ preventScroll: true });
}
