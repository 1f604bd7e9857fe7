/** The map as a whole: which images are drawn, how large, and what lies under the pointer. */

import type { About, Points } from "../api";
import { Camera, ease } from "./camera";
import { Drawing, type Picture } from "./draw";
import { Atlas, Pool, previewLoader, thumbnailLoader, type Place } from "./pictures";

export type RGB = [number, number, number];
export interface Layout { x: Float32Array; y: Float32Array; cell: number | null }
interface Shown { alpha: number; goal: number; w: number; h: number; x: number; y: number }

const MOVING = 900; // milliseconds that a change of layout takes
const MOST = 6000; // pictures that are drawn at once
const FEW = 3000; // points that are always drawn while things move, however slow the graphics
const START = 20_000; // points that are drawn while things move, until it is known how quick the graphics are
const SLOW = 36, QUICK = 20; // milliseconds of a frame from which on fewer, or more, points are drawn while things move

export class Scene {
  readonly camera = new Camera();
  readonly drawing: Drawing;
  onMoved: () => void = () => {};
  spacing: Float32Array | null = null;
  layout: Layout | null = null;
  private before: Layout | null = null;
  private movedAt = 0;
  private shown = new Map<number, Shown>();
  private visible: Picture[] = [];
  private pools: Pool[] = [];
  private atlas: Atlas | null = null;
  private frame = 0;
  private last = 0;
  private colours: RGB[] = [];
  private state: Uint8Array = new Uint8Array();
  private chosenMask: Uint8Array = new Uint8Array();
  private always: Map<number, "match" | "query" | "focus"> = new Map();
  private hovered = -1;
  private half = 1; // scale at which half of the images have come into view
  private part: number; // of the points, drawn while things move
  private asked = 0; // when the next frame was asked for
  private ended = 0; // when the last one was drawn
  private pace = 16; // milliseconds of a frame, lately
  private rest = 0; // timer that draws all of them once nothing moves
  private order: Int32Array; // rows by rank: any number of the first are a fair sample
  frames: number[] = [];
  firstPicture = 0;
  dark = false;
  still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  constructor(canvas: HTMLCanvasElement, private points: Points, about: About) {
    this.drawing = new Drawing(canvas);
    const { gl } = this.drawing, changed = () => this.ask();
    this.part = Math.min(1, START / Math.max(points.n, 1));
    this.order = new Int32Array(points.n);
    points.rank.forEach((rank, row) => (this.order[rank] = row));
    this.atlas = new Atlas(gl, about.atlas, points.rank, changed);
    this.pools = [
      new Pool(gl, 64, 6, 128, thumbnailLoader(64), changed),
      new Pool(gl, 128, 8, 64, thumbnailLoader(128), changed),
      new Pool(gl, 512, 4, 4, previewLoader(512), changed),
    ];
    canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); location.reload(); });
  }

  setLayout(layout: Layout, animate: boolean) {
    const pairs = (of: Layout) => {
      const data = new Float32Array(2 * this.order.length);
      this.order.forEach((row, at) => { data[2 * at] = of.x[row]; data[2 * at + 1] = of.y[row]; });
      return data;
    };
    this.before = animate && !this.still ? this.layout : null;
    this.layout = layout;
    this.movedAt = performance.now();
    this.drawing.places(pairs(this.before ?? layout), pairs(layout));
    this.spacing = null;
    this.ask();
  }
  setSpacing(spacing: Float32Array) {
    this.spacing = spacing;
    const some = Array.from(spacing).filter((apart) => apart > 0).sort((a, b) => a - b);
    this.half = some.length ? this.base() / some[Math.floor(some.length / 2)] : 1e9;
    this.ask();
  }
  /** A colour for each image, by its cluster. */
  setColours(colours: RGB[]) {
    this.colours = colours;
    const data = new Uint8Array(4 * colours.length);
    this.order.forEach((row, at) => { for (let c = 0; c < 3; c++) data[4 * at + c] = colours[row][c] * 255; data[4 * at + 3] = 255; });
    this.drawing.colours(data);
    this.ask();
  }
  /** Which images are in view (1), which are chosen as well (2), which are faint (0). */
  setStates(inView: Uint8Array, chosen: Uint8Array) {
    this.state = inView;
    this.chosenMask = chosen;
    this.drawing.states(Uint8Array.from(this.order, (row) => (chosen[row] ? 2 : inView[row])));
    this.ask();
  }
  /** Images that are always drawn as pictures: matches, the query, the one that is open. */
  setAlways(rows: Map<number, "match" | "query" | "focus">) { this.always = rows; this.ask(); }
  setHovered(row: number) { if (row !== this.hovered) { this.hovered = row; this.ask(); } }

  ask() {
    if (this.frame) return;
    this.asked = performance.now();
    this.frame = requestAnimationFrame((now) => this.draw(now));
  }

  place(row: number): [number, number] {
    const { layout, before } = this;
    if (!layout) return [0, 0];
    const share = this.share();
    if (!before || share >= 1) return [layout.x[row], layout.y[row]];
    return [before.x[row] + (layout.x[row] - before.x[row]) * share, before.y[row] + (layout.y[row] - before.y[row]) * share];
  }
  private share() { return this.before ? ease(Math.min(1, (performance.now() - this.movedAt) / MOVING)) : 1; }
  private base() { return this.camera.width < 700 ? 34 : this.camera.width > 2200 ? 62 : 46; }
  /** The longer side of a picture on the screen, in pixels. */
  size(): number {
    const { camera, layout } = this;
    if (layout?.cell) return Math.min(layout.cell * camera.scale * 0.94, 260);
    return this.base() * Math.min(Math.max(1, (camera.scale / this.half) ** 0.55), 5);
  }

  private wanted(size: number): Picture[] {
    const { camera, layout, spacing, points } = this;
    const list: Picture[] = [];
    if (!layout || !spacing || size < 7) return list;
    const apart = layout.cell ? 0 : size / camera.scale, [x0, y1] = camera.toLayout(-size, -size);
    const [x1, y0] = camera.toLayout(camera.width + size, camera.height + size), { x, y } = layout, { state } = this;
    for (let row = 0; row < points.n; row++)
      if (spacing[row] >= apart && x[row] > x0 && x[row] < x1 && y[row] > y0 && y[row] < y1 && state[row])
        list.push(this.picture(row, ...camera.toScreen(x[row], y[row]), size));
    if (list.length > MOST) { list.sort((a, b) => points.rank[a.row] - points.rank[b.row]); list.length = MOST; }
    return list;
  }
  private picture(row: number, x: number, y: number, size: number): Picture {
    const { width, height } = this.points, longer = Math.max(width[row], height[row], 1), of = this.layout?.cell ? size * 0.96 : size * 0.9;
    const w = Math.max(of * (width[row] / longer), of / 5), h = Math.max(of * (height[row] / longer), of / 5);
    return { row, x, y, w, h, place: null, rim: this.colours[row] ?? [0.5, 0.5, 0.5], line: size > 26 ? 1.5 : 0, alpha: 1 };
  }

  private draw(now: number) {
    this.frame = 0;
    const passed = Math.min(now - this.last, 100), { camera, drawing } = this;
    const drawn = this.pointsNow(now - this.last);
    this.last = now;
    let more = camera.tick(now);
    const share = this.share(), ratio = Math.min(window.devicePixelRatio || 1, 2), size = this.size();
    if (this.before && share >= 1) this.before = null;
    if (this.before) more = true;
    more = this.update(this.wanted(size), passed, share < 1) || more;
    drawing.begin(camera, ratio);
    const crowd = Math.max(0, Math.log10(this.points.n / 2000)), zoomed = Math.max(0, Math.log2(camera.scale / camera.fitted().scale));
    const room = Math.min(1, Math.max(0.45, camera.fitted().scale / 380)), dot = ((5.2 - 0.9 * crowd) * room + Math.min(zoomed * 0.7, 4)) * ratio;
    const quiet = this.always.size || this.layout?.cell && size >= 7 ? 0.35 : 1;
    drawing.drawPoints(camera, share, drawn, {
      size: this.layout?.cell && size < 7 ? Math.max(size * ratio, 1.6) : Math.max(dot, 2), ring: 4 * ratio,
      alpha: 0.8 - 0.12 * crowd, quiet, chosen: this.dark ? [1, 1, 1] : [0.07, 0.08, 0.1],
    });
    drawing.drawPictures(this.visible, camera.width, camera.height, ratio);
    for (const pool of this.pools) pool.fetch();
    this.ended = performance.now();
    if (more) this.ask();
    this.onMoved();
  }

  /** How many points to draw: fewer while frames follow each other and are slow, all of them once nothing moves. */
  private pointsNow(passed: number): number {
    const { n } = this.points;
    clearTimeout(this.rest);
    const still = this.asked - this.ended > 300;
    if (this.rest < 0) { this.rest = 0; return n; }
    this.rest = this.part < 1 ? window.setTimeout(() => { this.rest = -1; this.ask(); }, 250) : 0;
    if (still) return Math.round(n * this.part);
    this.frames.push(passed);
    if (this.frames.length > 900) this.frames.shift();
    this.pace = 0.6 * this.pace + 0.4 * passed;
    if (this.pace > SLOW) this.part = Math.max(this.part * 0.6, Math.min(1, FEW / n));
    else if (this.pace < QUICK) this.part = Math.min(1, this.part * 1.1);
    return Math.round(n * this.part);
  }

  /** Lets pictures come and go softly; whether that goes on. */
  private update(wanted: Picture[], passed: number, moving: boolean): boolean {
    const { camera, layout } = this, ratio = Math.min(window.devicePixelRatio || 1, 2);
    for (const shown of this.shown.values()) shown.goal = 0;
    const special: number[] = [];
    const want = (picture: Picture, grown: number) => {
      const known = this.shown.get(picture.row);
      const { w, h, x, y } = picture;
      if (known) Object.assign(known, { goal: 1, w: w * grown, h: h * grown });
      else this.shown.set(picture.row, { alpha: 0, goal: 1, w: w * grown, h: h * grown, x, y });
    };
    for (const picture of wanted) if (!this.always.has(picture.row)) want(picture, 1);
    const size = Math.max(this.size(), 12);
    for (const [row, kind] of this.always) {
      const grown = kind === "match" ? Math.min(Math.max(size, 34), 90) : Math.min(Math.max(size * 1.5, 64), 150);
      want(this.picture(row, ...camera.toScreen(...this.place(row)), grown), 1);
      special.push(row);
    }
    if (this.hovered >= 0 && layout) {
      const grown = Math.min(Math.max(size * 1.35, 84), 190);
      want(this.picture(this.hovered, ...camera.toScreen(...this.place(this.hovered)), grown), 1);
      special.push(this.hovered);
    }
    const step = this.still ? 1 : passed / 140, quiet = this.always.size > 0;
    let more = false;
    const list: Picture[] = [], front: Picture[] = [], chosen = new Set(special);
    for (const [row, shown] of this.shown) {
      const goal = shown.goal * (quiet && !chosen.has(row) ? 0.3 : 1);
      shown.alpha += Math.sign(goal - shown.alpha) * Math.min(Math.abs(goal - shown.alpha), step);
      if (shown.alpha <= 0 && goal <= 0) { this.shown.delete(row); continue; }
      if (Math.abs(shown.alpha - goal) > 0.001) more = true;
      const [x, y] = camera.toScreen(...this.place(row));
      if (!moving && (x < -300 || y < -300 || x > camera.width + 300 || y > camera.height + 300)) { if (!chosen.has(row)) this.shown.delete(row); continue; }
      const kind = this.always.get(row), picked = this.chosenMask[row] === 1;
      const line = kind === "focus" || kind === "query" || row === this.hovered ? 3 : kind === "match" || picked ? 2.5 : shown.w > 24 || shown.h > 24 ? 1.5 : 0;
      const rim: RGB = picked ? (this.dark ? [1, 1, 1] : [0.07, 0.08, 0.1]) : this.colours[row] ?? [0.5, 0.5, 0.5];
      const place = this.texture(row, Math.max(shown.w, shown.h) * ratio);
      (chosen.has(row) ? front : list).push({ row, x, y, w: shown.w, h: shown.h, place, rim, line, alpha: shown.alpha });
    }
    if (!this.firstPicture && list.some((picture) => picture.place)) this.firstPicture = performance.now();
    const order = new Map<WebGLTexture | null, Picture[]>();
    for (const picture of list) {
      const key = picture.place?.texture ?? null, group = order.get(key);
      if (group) group.push(picture); else order.set(key, [picture]);
    }
    front.sort((a, b) => rankOf(this.always.get(a.row), a.row === this.hovered) - rankOf(this.always.get(b.row), b.row === this.hovered));
    this.visible = [...[...order.values()].flat(), ...front];
    return more;
  }
  private texture(row: number, pixels: number): Place | null {
    const [small, middle, large] = this.pools;
    if (pixels > 190) { const there = large.place(row); if (there) return there; }
    if (pixels > 72) { const there = middle.place(row); if (there) return there; }
    else if (middle.has(row)) return middle.place(row);
    if (pixels > 30 && (pixels <= 72 || small.has(row))) { const there = small.place(row); if (there) return there; }
    return pixels <= 44 || this.points.n <= 24000 ? this.atlas!.place(row) : null; // of very many, sheets are for the grid
  }

  /** The image under a place of the screen: a picture, or else a point within reach; −1 for none. */
  under(left: number, top: number, reach = 9): number {
    for (let at = this.visible.length - 1; at >= 0; at--) {
      const { row, x, y, w, h, alpha } = this.visible[at];
      if (row !== this.hovered && alpha > 0.25 && Math.abs(left - x) <= w / 2 && Math.abs(top - y) <= h / 2) return row;
    }
    return this.layout ? this.nearest(left, top, reach) : -1;
  }
  /** The point nearest to a place of the screen, among those in view, within so many pixels. */
  nearest(left: number, top: number, reach: number): number {
    const { layout, camera } = this, [x, y] = camera.toLayout(left, top), far = reach / camera.scale;
    let best = -1, least = far * far;
    if (!layout) return best;
    for (let row = 0; row < this.points.n; row++) {
      const dx = layout.x[row] - x, dy = layout.y[row] - y;
      if (dx > far || dx < -far || dy > far || dy < -far || !this.state[row]) continue;
      const squared = dx * dx + dy * dy;
      if (squared < least) { least = squared; best = row; }
    }
    return best;
  }
  /** Every image in view whose place lies within a polygon of the screen. */
  within(polygon: [number, number][]): number[] {
    const corners = polygon.map(([left, top]) => this.camera.toLayout(left, top)), found: number[] = [];
    if (!this.layout || corners.length < 3) return found;
    const xs = corners.map(([x]) => x), ys = corners.map(([, y]) => y);
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    for (let row = 0; row < this.points.n; row++) {
      const x = this.layout.x[row], y = this.layout.y[row];
      if (this.state[row] && x >= x0 && x <= x1 && y >= y0 && y <= y1 && inside(x, y, corners)) found.push(row);
    }
    return found;
  }
}

const rankOf = (kind: string | undefined, hovered: boolean) => (hovered ? 3 : kind === "focus" ? 2 : kind === "query" ? 1 : 0);

export function inside(x: number, y: number, corners: [number, number][]): boolean {
  let odd = false;
  for (let at = 0, before = corners.length - 1; at < corners.length; before = at++) {
    const [xa, ya] = corners[at], [xb, yb] = corners[before];
    if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) odd = !odd;
  }
  return odd;
}

/** A layout as the server gives it, within −1 … 1 and in its proportions; `cell` is the side of a cell of a grid. */
export function normalised(x: Float32Array, y: Float32Array, isGrid: boolean): Layout {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let row = 0; row < x.length; row++) {
    x0 = Math.min(x0, x[row]); x1 = Math.max(x1, x[row]); y0 = Math.min(y0, y[row]); y1 = Math.max(y1, y[row]);
  }
  const scale = 2 / Math.max(x1 - x0 + (isGrid ? 1 : 0), y1 - y0 + (isGrid ? 1 : 0), 1e-9), cx = (x0 + x1) / 2, cy = (y0 + y1) / 2;
  return { x: x.map((value) => (value - cx) * scale), y: y.map((value) => (value - cy) * scale), cell: isGrid ? scale : null };
}
