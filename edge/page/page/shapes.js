// What pages draw over a camera's picture. Points are fractions of the picture; size is in pixels.

const SVG = "http://www.w3.org/2000/svg";

export const px = ([x, y], size) => [x * size[0], y * size[1]];
// How much of the picture's width a pixel of the screen is: words and corners are as large on a phone.
export const unit = (canvas, size) => size[0] / (canvas.getBoundingClientRect().width || size[0]);

export function make(name, attributes = {}, parent = null) {
  const part = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
  if (parent) parent.append(part);
  return part;
}

export function fit(canvas, size) {
  canvas.replaceChildren();
  canvas.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
  canvas.setAttribute("preserveAspectRatio", "none");
  canvas.style.setProperty("--px", `${unit(canvas, size)}px`);
}

// A zone, a line or a mask, with its name; sides are the words for left and right.
export function outline(canvas, shape, size, sides, kind = "") {
  const points = shape.points.map((each) => px(each, size));
  const part = make(shape.kind === "line" ? "polyline" : "polygon", {
    points: points.map((each) => each.join(",")).join(" "),
    class: `shape ${shape.kind} ${kind}`.trim(),
  }, canvas);
  if (shape.kind === "line") arrow(canvas, points, size, sides);
  const [x, y] = shape.kind === "line" ? beside(points, unit(canvas, size)) : middle(points);
  const name = make("text", { x, y, "text-anchor": "middle" }, canvas);
  name.textContent = shape.kind === "mask" ? "" : shape.id;
  return part;
}

const middle = (points) => points.reduce((sum, each) => [sum[0] + each[0] / points.length, sum[1] + each[1] / points.length], [0, 0]);

// A line's name stands near its first point, the words for its sides past its middle: there stands,
// often enough, the name of a zone.
const beside = ([a, b], pixel) => [a[0] + (b[0] - a[0]) * 0.2, a[1] + (b[1] - a[1]) * 0.2 - 10 * pixel];

function arrow(canvas, [a, b], size, sides) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = Math.hypot(dx, dy) || 1;
  const [ux, uy] = [dx / length, dy / length];
  const r = 14 * unit(canvas, size);
  const tip = [[b[0], b[1]], [b[0] - r * ux + r * 0.5 * uy, b[1] - r * uy - r * 0.5 * ux], [b[0] - r * ux - r * 0.5 * uy, b[1] - r * uy + r * 0.5 * ux]];
  make("polygon", { class: "arrow", points: tip.map((each) => each.join(",")).join(" ") }, canvas);
  // Seen along the line: in a picture, where y grows downwards, left is (uy, -ux).
  for (const [side, sign] of [["left", 1], ["right", -1]]) {
    const away = 28 * unit(canvas, size) * sign;
    const word = make("text", { x: a[0] + dx * 0.65 + uy * away, y: a[1] + dy * 0.65 - ux * away, "text-anchor": "middle", "dominant-baseline": "middle" }, canvas);
    word.textContent = sides[side];
  }
}
