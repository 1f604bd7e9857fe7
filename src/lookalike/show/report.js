"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const shorts = (text, Type) => new Type(bytes(text).buffer);
const xs = shorts(data.x, Uint16Array), ys = shorts(data.y, Uint16Array), clusters = shorts(data.cluster, Int16Array);
const sizes = bytes(data.sizes), pictured = sizes.length / 2, perSheet = data.across * data.across;
const sheets = data.tiles.map((tile) => Object.assign(new Image(), { src: "data:image/jpeg;base64," + tile }));
const chosen = new Set();

// One picture

function drawTile(target, image, x, y, width, height) {
  const place = image % perSheet, column = place % data.across, line = Math.floor(place / data.across);
  target.imageSmoothingQuality = "high";
  target.drawImage(sheets[Math.floor(image / perSheet)], column * data.tile, line * data.tile,
    sizes[2 * image], sizes[2 * image + 1], x, y, width, height);
}

function fillCanvas(canvas, image, side) {
  canvas.hidden = image >= pictured;
  if (canvas.hidden) return;
  const scale = side / Math.max(sizes[2 * image], sizes[2 * image + 1]);
  canvas.width = Math.round(sizes[2 * image] * scale);
  canvas.height = Math.round(sizes[2 * image + 1] * scale);
  drawTile(canvas.getContext("2d"), image, 0, 0, canvas.width, canvas.height);
}

const clusterName = (number) => data.clusters[number]?.[0] ?? "none";
const large = document.getElementById("large");

function enlarge(fileName, cluster, source, image) {
  const picture = large.querySelector("img"), canvas = large.querySelector("canvas");
  picture.hidden = source === null;
  canvas.hidden = true;
  if (source !== null) picture.src = source;
  else fillCanvas(canvas, image, 320);
  picture.alt = fileName;
  document.getElementById("large-name").textContent = fileName;
  document.getElementById("large-cluster").textContent = cluster;
  large.showModal();
}

large.querySelector(".close").addEventListener("click", () => large.close());
large.addEventListener("click", (event) => { if (event.target === large) large.close(); });
for (const button of document.querySelectorAll(".pictures button")) {
  button.addEventListener("click", () => {
    const picture = button.querySelector("img");
    enlarge(picture.alt, button.dataset.cluster, picture.src, -1);
  });
}

// The map

const figure = document.getElementById("map"), canvas = figure.querySelector("canvas"), tip = document.getElementById("tip");
const pen = canvas.getContext("2d");
const view = { zoom: 1, x: 0.5, y: 0.5 };
let cells = new Map(), cell = 40, origin = [0, 0], stretch = [1, 1], width = 0, height = 0, waiting = false;

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

function measure() {
  const sharp = window.devicePixelRatio || 1;
  ({ width, height } = canvas.getBoundingClientRect());
  canvas.width = Math.round(width * sharp);
  canvas.height = Math.round(height * sharp);
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  redraw();
}

function draw() {
  const share = Math.min(1 / 13, Math.max(1 / 44, 0.7 / Math.sqrt(xs.length)));
  cell = Math.min(84, Math.max(26, share * width) * Math.sqrt(view.zoom));
  stretch = [width * view.zoom, height * view.zoom];
  origin = [width / 2 - view.x * stretch[0], height / 2 - view.y * stretch[1]];
  pen.clearRect(0, 0, width, height);
  cells = new Map();
  const dot = Math.max(2, Math.min(6, 90 / Math.sqrt(xs.length))) * Math.min(2, Math.sqrt(view.zoom));
  for (let image = 0; image < xs.length; image++) {
    const [x, y] = place(image);
    if (x < -cell || y < -cell || x > width + cell || y > height + cell) continue;
    const key = Math.floor((x - origin[0]) / cell) + ":" + Math.floor((y - origin[1]) / cell);
    const seen = chosen.size === 0 || chosen.has(clusters[image]);
    if (seen && image < pictured && !cells.has(key)) { cells.set(key, image); continue; }
    pen.globalAlpha = seen ? 0.75 : 0.1;
    pen.fillStyle = data.clusters[clusters[image]][1];
    pen.beginPath();
    pen.arc(x, y, dot, 0, 7);
    pen.fill();
  }
  pen.globalAlpha = 1;
  for (const [key, image] of cells) drawCell(...key.split(":").map(Number), image);
  drawNames();
}

// The names of the clusters at their middles, the largest first; one that would lie on another is left out.
function drawNames() {
  const drawn = [], style = getComputedStyle(document.documentElement), size = width < 560 ? 11 : 13;
  pen.font = "600 " + size + "px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const [number, [name, colour, middleX, middleY]] of Object.entries(data.clusters)) {
    if (number < 0 || (chosen.size > 0 && !chosen.has(Number(number)))) continue;
    const text = name.length > 28 ? name.slice(0, 27) + "…" : name, half = pen.measureText(text).width / 2 + 10;
    const x = origin[0] + middleX / 65536 * stretch[0], y = origin[1] + middleY / 65536 * stretch[1];
    if (x < 0 || y < 0 || x > width || y > height) continue;
    if (drawn.some(([otherX, otherY, other]) => Math.abs(otherX - x) < half + other && Math.abs(otherY - y) < size * 2)) continue;
    drawn.push([x, y, half]);
    pen.beginPath();
    pen.roundRect(x - half, y - size * 0.95, 2 * half, size * 1.9, 8);
    pen.fillStyle = style.getPropertyValue("--card");
    pen.fill();
    pen.lineWidth = 1.5;
    pen.strokeStyle = colour;
    pen.stroke();
    pen.fillStyle = style.getPropertyValue("--ink");
    pen.fillText(text, x, y + 1);
  }
}

const place = (image) => [origin[0] + xs[image] / 65536 * stretch[0], origin[1] + ys[image] / 65536 * stretch[1]];

function drawCell(column, line, image) {
  const edge = cell > 40 ? 2 : 1.5, fit = (cell - 2 * edge - 2) / Math.max(sizes[2 * image], sizes[2 * image + 1]);
  const w = sizes[2 * image] * fit, h = sizes[2 * image + 1] * fit;
  const x = origin[0] + (column + 0.5) * cell - w / 2, y = origin[1] + (line + 0.5) * cell - h / 2;
  pen.fillStyle = data.clusters[clusters[image]][1];
  pen.fillRect(x - edge, y - edge, w + 2 * edge, h + 2 * edge);
  drawTile(pen, image, x, y, w, h);
}

function imageAt(x, y) {
  const key = Math.floor((x - origin[0]) / cell) + ":" + Math.floor((y - origin[1]) / cell);
  if (cells.has(key)) return cells.get(key);
  let best = -1, nearest = 14;
  for (let image = 0; image < xs.length; image++) {
    const [px, py] = place(image), distance = Math.hypot(px - x, py - y);
    if (distance < nearest) { nearest = distance; best = image; }
  }
  return best;
}

function showTip(x, y) {
  const image = imageAt(x, y);
  tip.hidden = image < 0;
  if (image < 0) return;
  fillCanvas(tip.querySelector("canvas"), image, 150);
  tip.querySelector("b").textContent = data.files[image];
  tip.querySelector("span").textContent = clusterName(clusters[image]);
  tip.style.left = Math.max(8, Math.min(x + 16, width - tip.offsetWidth - 8)) + "px";
  tip.style.top = (y + 20 + tip.offsetHeight > height ? Math.max(8, y - tip.offsetHeight - 14) : y + 18) + "px";
}

function zoomBy(factor, x = width / 2, y = height / 2) {
  const zoom = Math.min(40, Math.max(1, view.zoom * factor)), change = zoom / view.zoom;
  view.x += (x - width / 2) / stretch[0] * (1 - 1 / change);
  view.y += (y - height / 2) / stretch[1] * (1 - 1 / change);
  view.zoom = zoom;
  settle();
}

function settle() {
  const half = 0.5 / view.zoom;
  view.x = Math.min(1 - half, Math.max(half, view.x));
  view.y = Math.min(1 - half, Math.max(half, view.y));
  canvas.style.touchAction = view.zoom > 1 ? "none" : "pan-x pan-y";
  tip.hidden = true;
  redraw();
}

const pointers = new Map();
let moved = 0;

canvas.addEventListener("pointerdown", (event) => {
  pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
  canvas.setPointerCapture(event.pointerId);
  if (pointers.size === 1) moved = 0;
});
canvas.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId), now = [event.offsetX, event.offsetY];
  if (!before) { if (event.pointerType === "mouse") showTip(...now); return; }
  moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
  if (pointers.size === 2) {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const apart = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
    zoomBy(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  } else if (moved > 4) {
    view.x -= (now[0] - before[0]) / stretch[0];
    view.y -= (now[1] - before[1]) / stretch[1];
    settle();
  }
  pointers.set(event.pointerId, now);
});
for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => pointers.delete(event.pointerId));
canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
canvas.addEventListener("click", (event) => {
  if (moved > 4) return;
  const image = imageAt(event.offsetX, event.offsetY);
  if (image >= 0) enlarge(data.files[image], clusterName(clusters[image]), null, image);
});
canvas.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  zoomBy(Math.exp(-event.deltaY / 200), event.offsetX, event.offsetY);
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const step = 0.1 / view.zoom;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (event.key in moves) { view.x += moves[event.key][0]; view.y += moves[event.key][1]; settle(); }
  else if (event.key === "+" || event.key === "=") zoomBy(1.5);
  else if (event.key === "-") zoomBy(1 / 1.5);
  else return;
  event.preventDefault();
});

const [closer, farther, whole] = figure.querySelectorAll(".zoom button");
closer.addEventListener("click", () => zoomBy(1.6));
farther.addEventListener("click", () => zoomBy(1 / 1.6));
whole.addEventListener("click", () => { Object.assign(view, { zoom: 1, x: 0.5, y: 0.5 }); settle(); });

for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    const number = Number(button.dataset.cluster);
    if (!chosen.delete(number)) chosen.add(number);
    button.setAttribute("aria-pressed", chosen.has(number));
    redraw();
  });
}

figure.querySelector("img").hidden = true;
canvas.hidden = false;
figure.querySelector(".zoom").hidden = false;
document.querySelector(".legend").hidden = false;
new ResizeObserver(measure).observe(canvas);
Promise.all(sheets.map((sheet) => sheet.decode().catch(() => null))).then(redraw);
settle();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
