// Zones, lines and masks of one camera, drawn on its picture. Points are fractions of the picture.

import { fit, make, outline, px, unit } from "/shapes.js";

const ZH = {
  camera: "摄像头", save: "保存", addZone: "+ 区域", addLine: "+ 计数线", addMask: "+ 隐私遮挡",
  hint: "拖动角点，或用 Tab 选中后用方向键移动（按住 Shift 微调）。双击边线或按 Insert 增加角点，按 Delete 删除。",
  zone: "区域", line: "计数线", mask: "隐私遮挡", name: "名称", labels: "类别", turn: "调换方向", remove: "删除",
  more: "+ 角点", less: "− 角点",
  left: "左", right: "右", corner: "角点", saved: "已保存", pace: "现在每秒分析的画面数", unsaved: "尚未保存", nothing: "还没有任何图形",
  badName: "名称只能用小写字母、数字和 -，且不能重复；类别不能为空", few: "区域至少要有三个角点",
};
const EN = {
  zone: "Zone", line: "Line", mask: "Mask", name: "Name", labels: "Labels", turn: "Swap direction", remove: "Remove",
  more: "+ Corner", less: "− Corner",
  left: "left", right: "right", corner: "corner", saved: "Saved", pace: "pictures looked at a second now", unsaved: "Not saved yet", nothing: "Nothing is drawn yet",
  badName: "A name has lower-case letters, digits and -, each only once; labels must not be empty", few: "A polygon keeps three corners",
};
const chinese = navigator.language.startsWith("zh");
const t = (key) => (chinese ? ZH : EN)[key];
const NAME = /^[a-z0-9-]{1,63}$/;
const REFRESH_MS = 1000;
const STEP = 0.01, FINE = 0.002;
const COARSE = matchMedia("(pointer: coarse)");
const at = (id) => document.getElementById(id);
const canvas = at("canvas"), picture = at("picture"), frame = at("frame");

let told = { cameras: [], labels: [], version: "" };
let shapes = [];
let chosen = null;
let held = 0;  // the corner of the chosen shape that was last touched
let dirty = false;
let size = [640, 480];

function translate() {
  if (!chinese) return;
  document.documentElement.lang = "zh-Hans";
  for (const part of document.querySelectorAll("[data-t]")) part.textContent = t(part.dataset.t);
}

function say(words, bad = false) {
  at("said").textContent = words;
  at("said").classList.toggle("bad", bad);
}

function open(id) {
  const camera = told.cameras.find((each) => each.id === id);
  shapes = [
    ...camera.zones.map((each) => ({ kind: "zone", id: each.id, points: each.polygon, labels: each.labels })),
    ...camera.lines.map((each) => ({ kind: "line", id: each.id, points: each.points, labels: each.labels })),
    ...camera.masks.map((points) => ({ kind: "mask", id: "", points, labels: [] })),
  ];
  chosen = shapes[0] ?? null;
  touched(false);
  draw();
  list();
}

function touched(is = true) {
  dirty = is;
  at("save").disabled = !is;
  if (is) say(t("unsaved"));
}

// The picture

function refresh() {
  const camera = at("camera").value;
  if (camera) picture.src = `/picture/${camera}?${Date.now()}`;
}

picture.addEventListener("load", () => {
  at("trouble").hidden = true;
  frame.classList.add("live");
  const now = [picture.naturalWidth, picture.naturalHeight];
  if (now[0] !== size[0] || now[1] !== size[1]) {
    size = now;
    frame.style.aspectRatio = `${size[0]} / ${size[1]}`;
    draw();
  }
  setTimeout(refresh, REFRESH_MS);
});

picture.addEventListener("error", async () => {
  let reason = "";
  try {
    const answer = await fetch(picture.src);
    reason = answer.ok ? "" : await answer.text();
  } catch (error) {
    reason = String(error);
  }
  frame.classList.remove("live");
  at("trouble").textContent = reason;
  at("trouble").hidden = reason === "";
  setTimeout(refresh, 3 * REFRESH_MS);
});

// Drawing

function draw() {
  const kept = document.activeElement?.dataset?.corner;
  fit(canvas, size);
  for (const shape of shapes) outlined(shape);
  if (chosen) corners(chosen);
  if (kept !== undefined) canvas.querySelector(`[data-corner="${kept}"]`)?.focus();
}

function outlined(shape) {
  const part = outline(canvas, shape, size, { left: t("left"), right: t("right") }, shape === chosen ? "chosen" : "");
  part.addEventListener("pointerdown", () => choose(shape));
  part.addEventListener("dblclick", (event) => addCorner(shape, where(event)));
}

function corners(shape) {
  shape.points.forEach((point, index) => {
    const [x, y] = px(point, size);
    const part = make("circle", {
      class: "corner", cx: x, cy: y, r: (COARSE.matches ? 13 : 8) * unit(canvas, size), tabindex: 0, role: "button", "data-corner": index,
      "aria-label": `${shape.id || t(shape.kind)}: ${t("corner")} ${index + 1}, ${Math.round(point[0] * 100)} % ${Math.round(point[1] * 100)} %`,
    }, canvas);
    part.addEventListener("pointerdown", (event) => drag(event, shape, index));
    part.addEventListener("keydown", (event) => key(event, shape, index));
    part.addEventListener("focus", () => { held = index; });
  });
}

function where(event) {
  const box = canvas.getBoundingClientRect();
  return [clip((event.clientX - box.left) / box.width), clip((event.clientY - box.top) / box.height)];
}

const clip = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000;

function drag(event, shape, index) {
  event.preventDefault();
  const move = (moved) => { shape.points[index] = where(moved); touched(); draw(); };
  const end = () => {
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", end);
    canvas.querySelector(`[data-corner="${index}"]`)?.focus();
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", end);
}

function key(event, shape, index) {
  const step = event.shiftKey ? FINE : STEP;
  const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
  if (by) {
    const [x, y] = shape.points[index];
    shape.points[index] = [clip(x + by[0]), clip(y + by[1])];
  } else if (event.key === "Insert" || event.key === "+") {
    if (shape.kind === "line") return;
    halve(shape, index);
  } else if (event.key === "Delete" || event.key === "Backspace") {
    if (!drop(shape, index)) return;
  } else return;
  event.preventDefault();
  touched();
  draw();
}

// Another corner, half way to the next one.
function halve(shape, index) {
  const [a, b] = [shape.points[index], shape.points[(index + 1) % shape.points.length]];
  shape.points.splice(index + 1, 0, [clip((a[0] + b[0]) / 2), clip((a[1] + b[1]) / 2)]);
}

function drop(shape, index) {
  if (shape.kind === "line" || shape.points.length <= 3) { say(t("few"), true); return false; }
  shape.points.splice(index, 1);
  return true;
}

// What the buttons do to the corner that was last touched: a phone has no Insert and no Delete.
function reshape(shape, change) {
  choose(shape);
  if (change(shape, Math.min(held, shape.points.length - 1)) === false) return;
  touched();
  draw();
}

function addCorner(shape, point) {
  if (shape.kind === "line") return;
  let best = [Infinity, 0];
  shape.points.forEach((a, index) => {
    const b = shape.points[(index + 1) % shape.points.length];
    const far = apart(point, a, b);
    if (far < best[0]) best = [far, index];
  });
  shape.points.splice(best[1] + 1, 0, point);
  touched();
  draw();
}

function apart(p, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const along = Math.min(1, Math.max(0, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(p[0] - a[0] - along * dx, p[1] - a[1] - along * dy);
}

// The list beside it

function choose(shape) {
  if (shape === chosen) return;
  chosen = shape;
  held = 0;
  draw();
  for (const item of at("list").children) item.classList.toggle("chosen", item.shape === shape);
}

function list() {
  at("list").replaceChildren(...shapes.map(item));
  if (!shapes.length) say(t("nothing"));
}

function item(shape) {
  const part = document.createElement("li");
  part.shape = shape;
  part.className = `${shape.kind}${shape === chosen ? " chosen" : ""}`;
  part.addEventListener("focusin", () => choose(shape));
  part.addEventListener("pointerdown", () => choose(shape));
  const row = document.createElement("p");
  row.className = "row";
  const title = document.createElement("strong");
  title.textContent = t(shape.kind);
  row.append(title);
  if (shape.kind === "line") row.append(button("turn", () => { shape.points.reverse(); touched(); draw(); }));
  else row.append(button("more", () => reshape(shape, halve)), button("less", () => reshape(shape, drop)));
  row.append(button("remove", () => {
    shapes = shapes.filter((each) => each !== shape);
    chosen = shapes[0] ?? null;
    touched();
    draw();
    list();
    at(`add-${shape.kind}`).focus();
  }));
  part.append(row);
  if (shape.kind !== "mask") {
    part.append(field("name", shape.id, (value) => { shape.id = value; draw(); return NAME.test(value); }));
    part.append(field("labels", shape.labels.join(", "), (value) => {
      shape.labels = value.split(/[,，]/).map((word) => word.trim()).filter(Boolean);
      return shape.labels.length > 0;
    }));
  }
  return part;
}

function button(key_, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = t(key_);
  made.addEventListener("click", act);
  return made;
}

function field(key_, value, take) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.value = value;
  input.spellcheck = false;
  input.addEventListener("input", () => {
    touched();
    input.setCustomValidity(take(input.value) ? "" : t("badName"));
  });
  label.append(t(key_), input);
  return label;
}

function add(kind) {
  let number = 1;
  while (shapes.some((each) => each.id === `${kind}-${number}`)) number += 1;
  const points = kind === "line" ? [[0.5, 0.25], [0.5, 0.75]] : [[0.35, 0.35], [0.65, 0.35], [0.65, 0.65], [0.35, 0.65]];
  const shape = { kind, id: kind === "mask" ? "" : `${kind}-${number}`, points, labels: kind === "mask" ? [] : ["person"] };
  shapes.push(shape);
  chosen = shape;
  touched();
  draw();
  list();
  canvas.querySelector("[data-corner]").focus();
}

function wrong() {
  const names = (kind) => shapes.filter((each) => each.kind === kind).map((each) => each.id);
  const twice = (all) => new Set(all).size !== all.length;
  const bad = shapes.some((each) => each.kind !== "mask" && (!NAME.test(each.id) || !each.labels.length));
  return bad || twice(names("zone")) || twice(names("line"));
}

// Pictures a second: lines ask for more.
const pace = () => told.cameras.find((each) => each.id === at("camera").value)?.fps;

async function save() {
  if (wrong()) { say(t("badName"), true); return; }
  const of = (kind) => shapes.filter((each) => each.kind === kind);
  const answer = await fetch("/save", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      camera: at("camera").value,
      version: told.version,
      zones: of("zone").map(({ id, points, labels }) => ({ id, polygon: points, labels })),
      lines: of("line").map(({ id, points, labels }) => ({ id, points, labels })),
      masks: of("mask").map(({ points }) => points),
    }),
  }).catch((error) => ({ ok: false, text: async () => String(error) }));
  if (!answer.ok) { say(await answer.text(), true); return; }
  const before = pace();
  told = await answer.json();
  touched(false);
  say(`${t("saved")}: ${told.file}${pace() === before ? "" : ` · ${t("pace")}: ${pace()}`}`);
}

at("save").addEventListener("click", save);
for (const kind of ["zone", "line", "mask"]) at(`add-${kind}`).addEventListener("click", () => add(kind));
at("camera").addEventListener("change", () => { open(at("camera").value); refresh(); });
window.addEventListener("resize", draw);
window.addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
window.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") { event.preventDefault(); if (dirty) save(); }
});

translate();
const answer = await fetch("/cameras.json");
if (answer.ok) {
  told = await answer.json();
  at("camera").replaceChildren(...told.cameras.map(({ id }) => new Option(id, id)));
  if (told.cameras.length) { open(told.cameras[0].id); refresh(); }
} else say(await answer.text(), true);
