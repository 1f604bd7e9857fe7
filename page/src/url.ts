/** The address holds what is in view, so that a link to it can be sent: view, filter, query, selection. */

import { effect } from "@preact/signals";
import type { View } from "./map/camera";
import * as app from "./state";
import { texts } from "./texts";

/** Row numbers in few letters: differences between them, seven bits a byte, base64url. */
export function packed(rows: Iterable<number>): string {
  const bytes: number[] = [];
  let before = -1;
  for (const row of [...rows].sort((a, b) => a - b)) {
    let step = row - before - 1;
    before = row;
    while (step > 127) { bytes.push((step & 127) | 128); step >>>= 7; }
    bytes.push(step);
  }
  return btoa(String.fromCharCode(...bytes.slice(0, 60000))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
export function unpacked(text: string, n: number): number[] {
  const rows: number[] = [];
  let row = -1, step = 0, shift = 0;
  for (const letter of atob(text.replaceAll("-", "+").replaceAll("_", "/"))) {
    const byte = letter.charCodeAt(0);
    step |= (byte & 127) << shift;
    if (byte & 128) { shift += 7; continue; }
    row += step + 1;
    step = shift = 0;
    if (row >= 0 && row < n) rows.push(row);
  }
  return rows;
}

export const view: { now: View | null; wanted: View | null } = { now: null, wanted: null };
let ready = false, timer = 0;
for (const begins of ["pointerdown", "keydown", "wheel"]) addEventListener(begins, () => (view.wanted = null), { capture: true, passive: true });

export function write() {
  if (!ready || !app.points.peek()) return;
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    const said = new URLSearchParams(), filter = app.filter.peek(), query = app.query.peek(), all = app.points.peek()!;
    said.set("layout", app.layoutName.peek());
    if (view.now) said.set("view", [view.now.x.toFixed(5), view.now.y.toFixed(5), view.now.scale.toPrecision(5)].join(","));
    if (filter.clusters.length) said.set("clusters", filter.clusters.join(","));
    for (const label of filter.labels) said.append("label", label);
    if (filter.text) said.set("text", filter.text);
    if (filter.least > 0) said.set("least", String(filter.least));
    if (filter.most < Infinity) said.set("most", String(filter.most));
    if (query) said.set("query", query.kind === "image" ? all.names[query.row] : "?");
    const part = app.region.peek();
    if (part) said.set("region", [part.left, part.top, part.width, part.height].map((share) => share.toFixed(4)).join(","));
    if (app.selection.peek().size) { said.set("selection", packed(app.selection.peek())); said.set("of", app.about.peek()!.content.slice(0, 12)); }
    history.replaceState(null, "", `#${said}`);
  }, 250);
}

/** Takes up what the address says, once the images are known. */
export function read() {
  const said = new URLSearchParams(location.hash.slice(1)), all = app.points.peek()!;
  const numbers = (name: string) => (said.get(name) ?? "").split(",").filter(Boolean).map(Number).filter(Number.isFinite);
  const [x, y, scale] = numbers("view");
  if (scale > 0) view.wanted = { x, y, scale };
  const filter = {
    clusters: numbers("clusters"), labels: said.getAll("label"), text: said.get("text") ?? "",
    least: Number(said.get("least")) || 0, most: Number(said.get("most")) || Infinity,
  };
  app.filter.value = JSON.stringify(filter) === JSON.stringify(app.noFilter) ? app.noFilter : filter;
  if (said.get("of") === app.about.peek()!.content.slice(0, 12)) app.selection.value = new Set(unpacked(said.get("selection") ?? "", all.n));
  const name = said.get("query"), row = name ? all.names.indexOf(name) : -1;
  if (row >= 0) {
    app.open(row);
    const [left, top, width, height] = numbers("region");
    if (width > 0 && height > 0) app.region.value = { left, top, width, height };
  } else if (name === "?") app.tell(texts.notKept, true);
  else app.close();
  const wanted = said.get("layout");
  if (wanted && app.about.peek()!.layouts.includes(wanted)) app.chooseLayout(wanted);
  ready = true;
}
/** A link into the page: what it says is taken up, and the page comes into view. */
addEventListener("hashchange", () => {
  if (!ready || !location.hash.includes("=")) return;
  read();
  document.getElementById("page")!.scrollIntoView();
});
effect(() => { app.layoutName.value; app.filter.value; app.query.value; app.region.value; app.selection.value; write(); });
