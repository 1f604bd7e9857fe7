/** The map on the page: pointer, touch and keys, the lasso, and what the scene has to know. */

import { effect, untracked, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { isReport } from "../api";
import * as app from "../state";
import { texts } from "../texts";
import * as url from "../url";
import { Icon } from "../icons";
import type { Insets } from "./camera";
import { spacing } from "./levels";
import { Scene, type RGB } from "./scene";

const rgb = (colour: string): RGB => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255) as RGB;
declare global { interface Window { lookalikeScene?: Scene } }

export function MapView({ insets }: { insets: Insets }) {
  const canvas = useRef<HTMLCanvasElement>(null), scene = useRef<Scene | null>(null), broken = useSignal(false);
  const drawn = useSignal<[number, number][]>([]), caption = useSignal<{ row: number; left: number; top: number } | null>(null);

  useEffect(() => {
    const node = canvas.current!, points = app.points.value!, about = app.about.value!;
    let made: Scene;
    try { made = new Scene(node, points, about); } catch { broken.value = true; return; }
    scene.current = window.lookalikeScene = made;
    const parts = [watchSize(node, made), ...connect(made), ...gestures(node, made, drawn, caption)];
    return () => { parts.forEach((stop) => stop()); scene.current = null; };
  }, [app.about.value?.content]);
  useEffect(() => {
    const camera = scene.current?.camera;
    if (!camera) return;
    const { left, right, top, bottom } = camera.insets;
    if (left === insets.left && right === insets.right && top === insets.top && bottom === insets.bottom) return;
    if (url.view.wanted) { // the view of a link, made with what lies over the edges now
      Object.assign(camera, url.view.wanted);
      camera.insets = insets;
      scene.current!.ask();
      return;
    }
    const fitted = camera.fitted(extent(scene.current!)), whole = Math.abs(camera.scale / fitted.scale - 1) < 0.02;
    camera.x += (left - right - insets.left + insets.right) / 2 / camera.scale; // what was in the middle stays there
    camera.y += (insets.top - insets.bottom - top + bottom) / 2 / camera.scale;
    camera.insets = insets;
    if (whole && !app.query.value) fit(scene.current!, 250);
    const query = app.query.value;
    if (query?.kind === "image" && insets.bottom > bottom && innerWidth < 900) fly(scene.current!, [query.row], true);
    else if (query?.kind === "image") uncover(scene.current!, query.row);
    scene.current!.ask();
  }, [insets.left, insets.right, insets.top, insets.bottom]);

  const zoom = (by: number) => { const s = scene.current; if (s) { const c = s.camera; c.glide({ ...c, scale: c.scale * by }, s.still ? 0 : 180); s.ask(); } };
  const name = app.state.value?.name ?? "";
  return (
    <main class="map">
      <canvas ref={canvas} tabIndex={0} role="application" aria-label={texts.map(app.points.value?.n ?? 0, name)}
        class={app.lasso.value ? "drawing" : caption.value ? "over" : ""} onKeyDown={(event) => scene.current && keys(event, scene.current, zoom)} />
      {broken.value && <p class="card notice" role="alert">{texts.noWebGL}</p>}
      {drawn.value.length > 1 && <svg class="lasso" aria-hidden="true"><polygon points={drawn.value.map((at) => at.join(",")).join(" ")} /></svg>}
      {caption.value && <Caption {...caption.value} />}
      <div class="tools card" role="group" aria-label={texts.map(app.points.value?.n ?? 0, name)}>
        <button aria-label={texts.zoomIn} title={texts.zoomIn} onClick={() => zoom(1.8)}><Icon name="plus" /></button>
        <button aria-label={texts.zoomOut} title={texts.zoomOut} onClick={() => zoom(1 / 1.8)}><Icon name="minus" /></button>
        <button aria-label={texts.fit} title={texts.fit} onClick={() => scene.current && fit(scene.current)}><Icon name="fit" /></button>
        <button aria-label={texts.lasso} title={texts.lassoHint} aria-pressed={app.lasso.value} onClick={() => (app.lasso.value = !app.lasso.value)}><Icon name="lasso" /></button>
      </div>
      {app.lasso.value && <p class="hint card" role="status">{texts.lassoHint}</p>}
    </main>
  );
}

function Caption({ row, left, top }: { row: number; left: number; top: number }) {
  const all = app.points.value!, cluster = all.cluster[row];
  return (
    <p class="caption card" style={{ transform: `translate(${Math.min(left + 14, innerWidth - 240)}px, ${top + 18}px)` }} aria-hidden="true">
      <b>{all.names[row]}</b>
      <span><i class="spot" style={{ background: app.colourOf(cluster) }} />{app.clusterName(cluster)}</span>
    </p>
  );
}

export function extent(scene: Scene, rows?: Iterable<number>): [number, number, number, number] {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity], { layout } = scene;
  if (!layout) return [-1, -1, 1, 1];
  const take = (row: number) => {
    box[0] = Math.min(box[0], layout.x[row]); box[1] = Math.min(box[1], layout.y[row]);
    box[2] = Math.max(box[2], layout.x[row]); box[3] = Math.max(box[3], layout.y[row]);
  };
  if (rows) for (const row of rows) take(row);
  else for (let row = 0; row < layout.x.length; row++) take(row);
  const rim = layout.cell ? layout.cell / 2 : 0.02;
  return box[0] > box[2] ? [-1, -1, 1, 1] : [box[0] - rim, box[1] - rim, box[2] + rim, box[3] + rim];
}
export function fit(scene: Scene, milliseconds = 450) {
  scene.camera.glide(scene.camera.fitted(extent(scene)), scene.still ? 0 : milliseconds);
  scene.ask();
}

function watchSize(node: HTMLCanvasElement, scene: Scene): () => void {
  const observer = new ResizeObserver(() => {
    const { clientWidth, clientHeight } = node, { camera } = scene, first = camera.width === 1;
    camera.width = Math.max(clientWidth, 1);
    camera.height = Math.max(clientHeight, 1);
    if (first) Object.assign(camera, url.view.wanted ?? camera.fitted(extent(scene)));
    scene.ask();
  });
  observer.observe(node);
  return () => observer.disconnect();
}

/** Hands what the page knows to the scene whenever it changes. */
function connect(scene: Scene): (() => void)[] {
  const worker = isReport ? null : new Worker(new URL("./levels.worker.ts", import.meta.url), { type: "module" }); // a report is one file, and of some thousand images
  let asked = 0, first = true;
  if (worker) worker.onmessage = ({ data }) => data.id === asked && scene.setSpacing(data.found);
  scene.onMoved = () => { const { x, y, scale } = scene.camera; url.view.now = { x, y, scale }; url.write(); };
  return [
    () => worker?.terminate(),
    effect(() => {
      const layout = app.layout.value;
      if (!layout) return;
      scene.setLayout(layout, !first);
      if (!first) untracked(() => (url.view.wanted ? Object.assign(scene.camera, url.view.wanted) : fit(scene, 900)));
      first = false;
    }),
    effect(() => {
      const layout = app.layout.value, inView = app.inView.value, all = app.points.value;
      if (!layout || !all) return;
      const rows = Int32Array.from(inView.keys()).filter((row) => inView[row]);
      if (worker) worker.postMessage({ id: ++asked, x: layout.x, y: layout.y, rank: all.rank, rows });
      else scene.setSpacing(spacing(layout.x, layout.y, all.rank, rows));
    }),
    effect(() => {
      const all = app.points.value!, known = new Map([...app.byNumber.value].map(([number, { colour }]) => [number, rgb(colour)]));
      const none = rgb(app.noneColour);
      scene.setColours(Array.from(all.cluster, (cluster) => known.get(cluster) ?? none));
    }),
    effect(() => {
      const inView = app.inView.value, cluster = app.hoveredCluster.value, all = app.points.value!, chosen = new Uint8Array(all.n);
      for (const row of app.selection.value) chosen[row] = 1;
      scene.setStates(cluster === null ? inView : inView.map((there, row) => (all.cluster[row] === cluster ? there : 0)), chosen);
    }),
    effect(() => {
      const query = app.query.value, rows = new Map<number, "match" | "query" | "focus">();
      if (query) for (const { row } of app.matches.value.slice(0, 40)) rows.set(row, "match");
      if (query?.kind === "image") rows.set(query.row, "focus");
      if (app.walking.value?.second != null) rows.set(app.walking.value.second, "focus");
      scene.setAlways(rows);
    }),
    effect(() => scene.setHovered(app.hovered.value)),
    effect(() => { scene.dark = app.theme.value === "dark"; scene.ask(); }),
    effect(() => {
      const wanted = app.flyTo.value;
      if (!wanted || !scene.layout) return;
      untracked(() => fly(scene, wanted.rows, wanted.close));
    }),
    effect(() => {
      const found = app.matches.value, query = app.query.value;
      if (query?.kind === "upload" && found.length) untracked(() => fly(scene, found.slice(0, 8).map(({ row }) => row), true));
    }),
  ];
}

/** To one image, near enough to see what is around it; or to where several lie. */
function fly(scene: Scene, rows: number[], close: boolean) {
  const { camera, layout } = scene, fitted = camera.fitted(extent(scene));
  if (!layout || !rows.length) return;
  if (rows.length > 1 && !close) {
    const view = camera.fitted(extent(scene, rows));
    camera.glide({ ...view, scale: Math.min(view.scale, fitted.scale * 12) }, scene.still ? 0 : 600);
  } else {
    const middle = medoid(rows, layout.x, layout.y), scale = layout.cell ? Math.max(camera.scale, 64 / layout.cell) : Math.max(camera.scale, fitted.scale * 4);
    camera.glide(camera.around(layout.x[middle], layout.y[middle], scale), scene.still ? 0 : 600);
  }
  scene.ask();
}
/** Moves as little as brings an image out from under what covers the edges. */
function uncover(scene: Scene, row: number) {
  const { camera, layout } = scene, { insets, scale } = camera, rim = 64;
  if (!layout) return;
  const [left, top] = camera.toScreen(layout.x[row], layout.y[row]);
  const right = Math.max(insets.left + rim, Math.min(left, camera.width - insets.right - rim)) - left;
  const down = Math.max(insets.top + rim, Math.min(top, camera.height - insets.bottom - rim)) - top;
  if (right || down) camera.glide({ scale, x: camera.x - right / scale, y: camera.y + down / scale }, scene.still ? 0 : 250);
}
/** The one that is nearest to all others: where most of them are, rather than between them. */
function medoid(rows: number[], x: Float32Array, y: Float32Array): number {
  const far = (row: number) => rows.reduce((sum, other) => sum + Math.hypot(x[row] - x[other], y[row] - y[other]), 0);
  return rows.reduce((best, row) => (far(row) < far(best) ? row : best));
}

type Box<T> = { value: T };

function gestures(node: HTMLCanvasElement, scene: Scene, drawn: Box<[number, number][]>, caption: Box<{ row: number; left: number; top: number } | null>): (() => void)[] {
  const fingers = new Map<number, [number, number]>();
  let began: [number, number] | null = null, dragged = false, drawing = false, spread = 0;
  const at = (event: PointerEvent | WheelEvent): [number, number] => { const box = node.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const down = (event: PointerEvent) => {
    if (event.button > 0) return;
    node.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at(event));
    began = at(event);
    dragged = fingers.size > 1;
    drawing = fingers.size === 1 && (app.lasso.value || event.shiftKey);
    if (drawing) drawn.value = [at(event)];
    else if (fingers.size === 2) { drawn.value = []; drawing = false; spread = apart(); }
  };
  const apart = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
  const move = (event: PointerEvent) => {
    const now = at(event), before = fingers.get(event.pointerId);
    if (!before) { hover(now, event.pointerType); return; }
    fingers.set(event.pointerId, now);
    if (began && Math.hypot(now[0] - began[0], now[1] - began[1]) > (event.pointerType === "mouse" ? 4 : 9)) dragged = true;
    if (drawing) { if (dragged) drawn.value = [...drawn.value, now]; return; }
    if (!dragged) return;
    caption.value = null; app.hovered.value = -1;
    scene.camera.move((now[0] - before[0]) / fingers.size, (now[1] - before[1]) / fingers.size);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()], wide = apart();
      if (spread > 0) scene.camera.zoom(wide / spread, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
      spread = wide;
    }
    scene.ask();
  };
  const hover = ([left, top]: [number, number], kind: string) => {
    if (kind !== "mouse" || app.lasso.value) return;
    const row = scene.under(left, top);
    app.hovered.value = row;
    caption.value = row < 0 ? null : { row, left, top };
  };
  const up = (event: PointerEvent) => {
    if (!fingers.delete(event.pointerId)) return;
    const [left, top] = at(event);
    spread = 0;
    if (drawing && dragged) {
      app.select(scene.within(drawn.value), true);
      app.lasso.value = false;
    } else if (!dragged && event.type === "pointerup") {
      const row = app.hovered.value >= 0 ? app.hovered.value : scene.under(left, top, event.pointerType === "mouse" ? 9 : 18);
      if (row >= 0 && event.shiftKey) app.toggle(row);
      else if (row >= 0) app.open(row);
      else if (!app.lasso.value) app.close();
    }
    drawn.value = [];
    drawing = false;
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const step = event.deltaMode === 1 ? event.deltaY * 18 : event.deltaY;
    scene.camera.zoom(Math.exp(-step * (event.ctrlKey ? 0.01 : 0.0018)), ...at(event));
    scene.ask();
  };
  const leave = () => { caption.value = null; app.hovered.value = -1; };
  const twice = (event: MouseEvent) => { const box = node.getBoundingClientRect(); scene.camera.zoom(2.2, event.clientX - box.left, event.clientY - box.top); scene.ask(); };
  const listeners: [string, (event: never) => void][] = [
    ["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", up], ["pointerleave", leave], ["wheel", wheel], ["dblclick", twice],
  ];
  for (const [name, does] of listeners) node.addEventListener(name, does as EventListener, { passive: false });
  return [() => { for (const [name, does] of listeners) node.removeEventListener(name, does as EventListener); }];
}

function keys(event: KeyboardEvent, scene: Scene, zoom: (by: number) => void) {
  const step = 90, { camera } = scene, moves: Record<string, [number, number]> = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (moves[event.key] && !(app.query.value && event.key.match(/Left|Right/))) camera.move(...moves[event.key]);
  else if (event.key === "+" || event.key === "=") zoom(1.5);
  else if (event.key === "-") zoom(1 / 1.5);
  else if (event.key === "0") fit(scene);
  else if (event.key === "l" || event.key === "L") app.lasso.value = !app.lasso.value;
  else if (event.key === "Enter") {
    const { left, right, top, bottom } = camera.insets;
    const row = scene.nearest((camera.width + left - right) / 2, (camera.height + top - bottom) / 2, 400);
    if (row >= 0) (event.shiftKey ? app.toggle : app.open)(row);
  } else return;
  event.preventDefault();
  scene.ask();
}
