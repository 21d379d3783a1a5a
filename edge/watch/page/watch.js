// What a running agent sees: its picture, blurred, with boxes, tracks, zones and lines over it.

import { fit, make, outline, px, unit } from "/shapes.js";

const ZH = {
  camera: "摄像头", zones: "区域", tracks: "轨迹", records: "记录", left: "左", right: "右",
  watching: "正在观看", lost: "画面丢失", starting: "正在启动", finished: "已结束", still: "画面静止", nobody: "无人", no: "无", people: "条轨迹", of: "拍摄于",
  person: "人", bicycle: "自行车", car: "汽车", motorcycle: "摩托车", bus: "公交车", truck: "卡车", dog: "狗", and: "，",
  dark: "过暗", blurred: "模糊", covered: "被遮挡", moved: "被移动", frozen: "画面冻结",
  "zone.enter": "进入", "zone.exit": "离开", "zone.dwell": "停留", "zone.stationary": "静止", "line.cross": "越线", "scene.fault": "画面故障",
};
const EN = {
  camera: "Camera", zones: "Zones", tracks: "Tracks", records: "Records", left: "left", right: "right",
  still: "nothing moves", nobody: "nobody", no: "none", people: "tracks", of: "taken at", and: ", ",
  "zone.enter": "enters", "zone.exit": "leaves", "zone.dwell": "stays in", "zone.stationary": "stands still in", "line.cross": "crosses", "scene.fault": "picture at fault:",
};
const chinese = navigator.language.startsWith("zh");
const t = (key) => (chinese ? ZH : EN)[key] ?? key;
const EVERY_MS = 200, LATER_MS = 1500;
const at = (id) => document.getElementById(id);
const canvas = at("canvas"), picture = at("picture"), frame = at("frame");
const clock = (ts) => new Date(ts).toLocaleTimeString(chinese ? "zh-CN" : "en-GB");

function put(list, rows) {
  at(list).replaceChildren(...rows.map((words) => {
    const part = document.createElement("li");
    part.textContent = words;
    return part;
  }));
}

function draw(look) {
  frame.style.aspectRatio = `${look.size[0]} / ${look.size[1]}`;
  fit(canvas, look.size);
  for (const shape of look.shapes) outline(canvas, shape, look.size, { left: t("left"), right: t("right") });
  for (const track of look.tracks) box(track, look.size);
  const moment = `${t("of")} ${clock(look.ts)}`;
  at("caption").textContent = `${moment} · ${look.tracks.length} ${t("people")}${look.still ? ` · ${t("still")}` : ""}`;
}

function box({ id, label, box: [left, top, wide, high] }, size) {
  const [x, y] = px([left, top], size), pixel = unit(canvas, size);
  make("rect", { class: `box ${label}`, x, y, width: wide * size[0], height: high * size[1] }, canvas);
  const tag = make("text", { class: "tag", x, y: Math.max(y - 4 * pixel, 12 * pixel) }, canvas);
  tag.textContent = label === "person" ? `${id}` : `${id} ${t(label)}`;
}

function tell(look) {
  at("said").textContent = look.detail || t(look.condition);
  at("counts").replaceChildren(...Object.entries(look.counts).flatMap(([zone, labels]) => {
    const name = document.createElement("dt"), count = document.createElement("dd");
    name.textContent = zone;
    count.textContent = Object.entries(labels).map(([label, number]) => `${t(label)} ${number}`).join(t("and")) || t("nobody");
    return [name, count];
  }));
  put("tracks", look.tracks.length ? look.tracks.map(({ id, label, score }) => `${id} ${t(label)} ${score.toFixed(2)}`) : [t("nobody")]);
  put("records", look.records.length ? look.records.map(said).reverse() : [t("no")]);
}

function said(record) {
  const who = [record.label && t(record.label), record.track], where = record.zone ?? record.line ?? (record.fault && t(record.fault));
  return [clock(record.ts), ...who, t(record.type), where, record.direction && t(record.direction)].filter((part) => part !== undefined).join(" ");
}

async function shown(address) {
  await new Promise((done, failed) => {
    picture.onload = done;
    picture.onerror = failed;
    picture.src = address;
  }).catch(() => {});
}

async function look() {
  let pause = EVERY_MS;
  const camera = at("camera").value;
  try {
    const answer = await fetch(`/look/${camera}`);
    if (!answer.ok) throw new Error(await answer.text());
    const seen = await answer.json();
    await shown(`/picture/${camera}/${seen.ts}`);
    if (camera === at("camera").value) {
      draw(seen);
      tell(seen);
      frame.classList.add("live");
      at("trouble").hidden = true;
    }
  } catch (error) {
    at("trouble").textContent = error.message;
    at("trouble").hidden = false;
    pause = LATER_MS;
  }
  setTimeout(look, pause);
}

if (chinese) {
  document.documentElement.lang = "zh-Hans";
  for (const part of document.querySelectorAll("[data-t]")) part.textContent = t(part.dataset.t);
}
const answer = await fetch("/cameras.json");
if (answer.ok) {
  at("camera").replaceChildren(...(await answer.json()).map((id) => new Option(id, id)));
  if (at("camera").value) look();
} else {
  at("trouble").textContent = await answer.text();
  at("trouble").hidden = false;
}
