// What is exchanged between press and release is never clicked: news waits for the release.
const LONGEST_MS = 10_000; // a release that is never told (to another window) holds nothing up for longer

// Not a scroll bar nor a list that opens: of these a browser tells no release.
const CLICKED = "button, a, summary, label, input[type=checkbox]";

let waiting = [];
let timer = null;

function press(event) {
  if (!event.target.closest?.(CLICKED)) return;
  clearTimeout(timer);
  timer = setTimeout(release, LONGEST_MS);
}

function release() {
  clearTimeout(timer);
  timer = null;
  const acts = waiting;
  waiting = [];
  for (const act of acts) act();
}

// After the click that a release makes.
function letGo() {
  if (isPressed()) setTimeout(release);
}

export const isPressed = () => timer !== null;

export function whenReleased(act) {
  if (isPressed()) waiting.push(act);
  else act();
}

export function startPressing() {
  addEventListener("pointerdown", (event) => { if (event.button === 0) press(event); }, true);
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, letGo, true);
  addEventListener("blur", letGo); // of the window; one of its parts loses the focus as another is pressed
  // A button is pressed by the space bar as it goes up.
  addEventListener("keydown", (event) => { if (event.key === " " && !event.repeat) press(event); }, true);
  addEventListener("keyup", (event) => { if (event.key === " ") letGo(); }, true);
}
