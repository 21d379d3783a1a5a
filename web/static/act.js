// Acknowledge and resolve without leaving the page. Without this file the forms do the same.
const words = document.getElementById("words").dataset;
const dialog = document.getElementById("resolve");
const zoom = document.getElementById("zoom");

export function toast(text, kind) {
  const note = document.createElement("p");
  note.className = `toast ${kind}`;
  note.textContent = text;
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), kind === "warn" ? 10_000 : 4000);
}

// An alert that comes while its reader is on a page without alerts: a way to it, the newest few.
const ALERTS = 3;
const ALERT_MS = 30_000;

export function toastAlert(row) {
  const room = document.getElementById("toasts");
  const link = row.querySelector('[data-key="open"]').cloneNode();
  const shape = row.querySelector(".shape").cloneNode(true);
  link.className = `toast of-alert ${shape.classList[1]}`;
  link.append(shape, row.getAttribute("aria-label"));
  room.append(link);
  const shown = room.querySelectorAll(".of-alert");
  if (shown.length > ALERTS) shown[0].remove();
  setTimeout(() => link.remove(), ALERT_MS);
}

// What came of it: {done, text} from the server, null where it did not get that far. A form whose
// session has ended is sent as a plain one: the login page keeps what was typed.
async function send(form) {
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
    });
    const found = answer.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : null;
    if (answer.status === 401 || answer.status === 400) form.submit();
    else toast(found?.text ?? found?.error ?? words.refused, found?.done ? "ok" : "warn");
    return found;
  } catch {
    toast(words.unsent, "warn");
    return null;
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

export function askToResolve(row) {
  const form = dialog.querySelector("form");
  form.action = `/alerts/${row.id.replace("alert.", "")}/resolve`;
  dialog.querySelector(".which").textContent = row.getAttribute("aria-label");
  form.querySelector(".verdicts").hidden = false;
  name("resolve");
  dialog.showModal();
}

function name(verb) {
  const button = dialog.querySelector("button.primary");
  button.textContent = button.dataset[verb];
}

// Somebody was faster: what was typed is not lost, and can still go into the alert's story.
function onAnswer(found) {
  const form = dialog.querySelector("form");
  if (!found) return;
  if (!found.done && form.elements.note.value.trim() && form.action.endsWith("/resolve")) {
    form.querySelector(".verdicts").hidden = true; // kept with the first answer
    form.action = form.action.replace(/resolve$/, "note");
    dialog.querySelector(".which").textContent = found.text;
    name("note");
    return;
  }
  form.reset();
  dialog.close();
}

// The first field is the verdict, so that a digit and Enter are enough.
function onDigit(event) {
  const asked = event.target.closest(".verdicts")?.querySelector(`[data-digit="${CSS.escape(event.key)}"]`);
  if (!asked || document.body.dataset.keys === "off") return;
  asked.checked = true;
  asked.focus();
  event.preventDefault();
}

function onSubmit(event) {
  const form = event.target;
  if (form.dataset.act === "acknowledge" && !document.body.dataset.alert) {
    event.preventDefault();
    send(form);
  } else if (form.parentElement === dialog) {
    event.preventDefault();
    send(form).then(onAnswer);
  }
}

function onClick(event) {
  const row = event.target.closest("li.alert");
  if (row && event.target.closest('a[data-act="resolve"]')) {
    event.preventDefault();
    askToResolve(row);
  }
  const link = event.target.closest("a[data-zoom]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    Object.assign(zoom.querySelector("img"), { src: link.href, alt: link.querySelector("img").alt });
    zoom.showModal();
  }
  const closer = event.target.closest("[data-close]");
  if (closer || event.target instanceof HTMLDialogElement) event.target.closest("dialog").close();
}

export function startActing() {
  document.addEventListener("submit", onSubmit);
  dialog.addEventListener("keydown", onDigit);
  document.addEventListener("click", onClick);
}
