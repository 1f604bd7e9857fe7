/** What the page knows and shows, and everything that can be done: components read the signals and call the functions. */

import { batch, computed, effect, signal } from "@preact/signals";
import { api, isReport, Refused, type About, type Cluster, type Clusters, type Curve, type Match, type Points, type Region, type State } from "./api";
import { normalised, type Layout } from "./map/scene";
import { tableOf } from "./saving";
import { texts } from "./texts";

export interface Filter { clusters: number[]; labels: string[]; text: string; least: number; most: number }
export type Query = { kind: "image"; row: number } | { kind: "upload"; picture: Blob; url: string };
export interface Note { text: string; bad: boolean }

export const noFilter: Filter = { clusters: [], labels: [], text: "", least: 0, most: Infinity };
export const state = signal<State | null>(null);
export const about = signal<About | null>(null);
export const points = signal<Points | null>(null);
export const clusters = signal<Clusters | null>(null);
export const curve = signal<Curve | null>(null);
export const layoutName = signal("tsne");
export const layouts = signal<Record<string, Layout>>({});
export const filter = signal<Filter>(noFilter);
export const hovered = signal(-1);
export const hoveredCluster = signal<number | null>(null);
export const query = signal<Query | null>(null);
export const region = signal<Region | null>(null);
export const matches = signal<Match[]>([]);
export const searching = signal(false);
export const selection = signal<ReadonlySet<number>>(new Set());
export const lasso = signal(false);
export const walking = signal<{ first: number; second: number | null } | null>(null);
export const panel = signal<string | null>(matchMedia("(min-width: 900px)").matches ? "clusters" : null);
export const note = signal<Note | null>(null);
const doings = signal<string[]>([]);
/** What takes a moment, the latest of it; null when nothing does. */
export const busy = computed(() => doings.value.at(-1) ?? null);
/** The layout that is being made and will be shown. */
export const making = signal<string | null>(null);
export const lost = signal(false);
export const theme = signal<"light" | "dark">(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
export const likeness = signal<Awaited<ReturnType<typeof api.likeness>> | null>(null);
export const flyTo = signal<{ rows: number[]; close: boolean } | null>(null);

export const byNumber = computed(() => new Map((clusters.value?.clusters ?? []).map((entry) => [entry.cluster, entry] as [number, Cluster])));
export const noneColour = "#8d9299";
export const colourOf = (cluster: number) => byNumber.value.get(cluster)?.colour ?? noneColour;
export const clusterName = (cluster: number) => byNumber.value.get(cluster)?.name ?? texts.none;
export const layout = computed<Layout | null>(() => layouts.value[layoutName.value] ?? null);
export const labelCounts = computed(() => {
  const counts = new Map<string, number>();
  for (const label of points.value?.labels ?? []) if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
});
export const megapixels = (row: number) => (points.value!.width[row] * points.value!.height[row]) / 1e6;
export const isFiltered = computed(() => filter.value !== noFilter && JSON.stringify(filter.value) !== JSON.stringify(noFilter));

/** Of each image whether it fits the filter: 1 or 0. */
export const inView = computed<Uint8Array>(() => {
  const all = points.value;
  if (!all) return new Uint8Array();
  const { clusters: only, labels, text, least, most } = filter.value, found = new Uint8Array(all.n);
  const wanted = new Set(only), named = new Set(labels), part = text.toLowerCase();
  for (let row = 0; row < all.n; row++) {
    const size = (all.width[row] * all.height[row]) / 1e6;
    found[row] = Number(
      (!wanted.size || wanted.has(all.cluster[row])) && (!named.size || named.has(all.labels[row] ?? "")) &&
      (!part || all.names[row].toLowerCase().includes(part)) && size >= least && size <= most,
    );
  }
  return found;
});
export const inViewCount = computed(() => inView.value.reduce((sum, one) => sum + one, 0));

let noteTimer = 0;
export function tell(text: string, bad = false) {
  note.value = { text, bad };
  clearTimeout(noteTimer);
  noteTimer = window.setTimeout(() => (note.value = null), bad ? 8000 : 3500);
}
export const fail = (error: unknown) => {
  if ((error as Error).name !== "AbortError") tell(error instanceof Refused ? error.message : String(error), true);
};
/** Does something that takes a moment, says so, and says what went wrong. */
export async function during<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
  doings.value = [...doings.value, what];
  try { return await work(); } catch (error) {
    fail(error);
    if (error instanceof Refused && error.status === 412) { await refresh(); tell(texts.changed, true); }
    return undefined;
  } finally { doings.value = doings.value.filter((_, at, all) => at !== all.lastIndexOf(what)); }
}

/** Looks at the server's state, and reads what is new. */
export async function watch() {
  try {
    const now = await api.state(), known = state.value;
    lost.value = false;
    state.value = now;
    if (!known || known.version !== now.version || (now.finished && !known.finished)) await refresh();
  } catch (error) {
    lost.value = true;
    if (!state.value) fail(error);
  }
  if (!isReport) setTimeout(watch, state.value?.finished ? (busy.value ? 700 : 6000) : 1500);
}

let refreshing: Promise<void> | null = null;
export function refresh(): Promise<void> {
  refreshing = (refreshing ?? Promise.resolve()).then(read).catch(fail);
  return refreshing;
}
async function read() {
  const now = await api.state();
  state.value = now;
  if (!now.stages.images) return;
  const [info, read, groups] = await Promise.all([api.about(), api.points(), now.stages.clusters ? api.clusters() : null]);
  const same = about.value?.content === info.content;
  batch(() => {
    const old = about.value;
    about.value = info;
    points.value = read;
    clusters.value = groups;
    if (groups?.modularity) curve.value = groups.modularity;
    const own = read.x && read.y ? String(info.stages.map?.projection ?? "tsne") : "files";
    const place = read.x && read.y ? normalised(read.x, read.y, false) : inOrder(read.n);
    if (!same || (old?.stages.map?.projection ?? "files") !== (info.stages.map?.projection ?? "files")) {
      making.value = null;
      layouts.value = { [own]: place };
      if (!layouts.value[layoutName.value]) layoutName.value = own;
      if (!same) { likeness.value = null; selection.value = new Set(); }
    } else if (!layouts.value[own]) layouts.value = { ...layouts.value, [own]: place };
  });
}
/** Before there is a map: the images in the order of their names. */
function inOrder(n: number): Layout {
  const across = Math.max(1, Math.ceil(Math.sqrt(n * 1.5))), rows = Float32Array.from({ length: n }, (_, row) => row);
  return normalised(rows.map((row) => row % across), rows.map((row) => -Math.floor(row / across)), true);
}

const asking = new Set<string>();
export async function chooseLayout(name: string) {
  making.value = null; // the latest wish counts
  if (name === layoutName.value) return;
  if (layouts.value[name]) { layoutName.value = name; return; }
  making.value = name;
  if (asking.has(name)) return; // that is under way
  asking.add(name);
  const found = await during(texts.makingLayout(texts.layouts[name] ?? name), () => api.layout(name));
  asking.delete(name);
  batch(() => {
    if (found) layouts.value = { ...layouts.value, [name]: normalised(found[0], found[1], name === "grid") };
    if (making.value !== name) return;
    making.value = null;
    if (found) layoutName.value = name;
  });
  if (found && !isReport) refresh(); // it is in the library now, whose version has grown
}

let asked = 0;
/** Searches with what `query` and `region` say. */
async function search() {
  const what = query.value, part = region.value, mine = ++asked;
  if (!what) { matches.value = []; searching.value = false; return; }
  searching.value = true;
  try {
    const found = await (what.kind === "image" ? api.matches(what.row, part) : api.find(what.picture, part));
    if (mine === asked) matches.value = found;
  } catch (error) {
    if (mine === asked) {
      const name = what.kind === "upload" && what.picture instanceof File ? what.picture.name : "";
      if (name && error instanceof Refused) tell(`${name}: ${error.message}`, true); else fail(error);
      if (what.kind === "upload") query.value = null;
    }
  } finally { if (mine === asked) searching.value = false; }
}
effect(() => { query.value; region.value; state.peek()?.stages.embeddings && search(); });

export function open(row: number, fly = false) {
  if (walking.value && walking.value.second === null && row !== walking.value.first) {
    walking.value = { ...walking.value, second: row };
    return;
  }
  batch(() => {
    matches.value = [];
    region.value = null;
    walking.value = null;
    query.value = { kind: "image", row };
    if (fly) flyTo.value = { rows: [row], close: true };
  });
}
export function searchWith(picture: Blob) {
  batch(() => {
    matches.value = [];
    region.value = null;
    walking.value = null;
    query.value = { kind: "upload", picture, url: URL.createObjectURL(picture) };
  });
}
export function close() {
  const old = query.value;
  if (old?.kind === "upload") URL.revokeObjectURL(old.url);
  batch(() => { query.value = null; region.value = null; walking.value = null; });
}
export function step(by: number) {
  const what = query.value;
  if (!matches.value.length || !what) return;
  const list = matches.value.map((match) => match.row), at = what.kind === "image" ? list.indexOf(what.row) : -1;
  const next = list[(Math.max(at, by > 0 ? at : 0) + by + list.length) % list.length];
  if (next !== undefined) open(next, true);
}

export function toggle(row: number) {
  const now = new Set(selection.value);
  if (!now.delete(row)) now.add(row);
  selection.value = now;
}
export const select = (rows: Iterable<number>, more: boolean) => { selection.value = new Set([...(more ? selection.value : []), ...rows]); };
export const membersOf = (cluster: number) => {
  const all = points.value!, found: number[] = [];
  for (let row = 0; row < all.n; row++) if (all.cluster[row] === cluster) found.push(row);
  return found;
};

/** An edit of the clusters; what it changes is read anew. */
export const edit = (what: string, change: (version: number) => Promise<unknown>) =>
  during(what, async () => {
    const done = await change(about.value!.version);
    await refresh();
    return done ?? true;
  });
export const undo = () =>
  !isReport && clusters.value?.edits.length &&
  edit(texts.undo, api.undo).then((done) => done && tell(texts.undone((done as { did: string }).did)));

export async function save(ending: "csv" | "jsonl" | "zip") {
  const rows = [...selection.value], link = document.createElement("a");
  if (isReport && ending !== "zip") link.href = URL.createObjectURL(tableOf(rows, ending));
  else {
    const made = await during(texts.saveAs, () => api.select(rows));
    if (!made) return;
    link.href = api.saved(made.id, ending);
  }
  link.download = `selection.${ending}`;
  document.body.append(link);
  link.click();
  link.remove();
}
