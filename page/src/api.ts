/** What is asked, and of whom: the only place that knows the addresses, and whether a server or the document answers. */

import { tableFromIPC } from "apache-arrow";
import { frozen } from "./frozen";
import { texts } from "./texts";

export interface State {
  name: string; version: number; finished: boolean; images: number; skipped: number; decoded: number; files: number;
  stages: Record<string, boolean>; job: { stage: string; done: number; total: number } | null;
}
export interface About {
  folder: string; library: string; created: string; version: number; content: string; layouts: string[];
  settings: Record<string, unknown>; seconds: Record<string, number>; stages: Record<string, Record<string, unknown>>;
  atlas: { tile: number; across: number; sheets: number; key: string };
}
export interface Cluster { cluster: number; name: string; images: number; colour: string; typical: number[]; kept: boolean }
export interface Curve { k: number[]; modularity: number[] }
export interface Clusters {
  clusters: Cluster[]; none: number; method: string; space: string; n_clusters: number | "auto"; modularity: Curve | null; edits: string[];
}
export interface Match { row: number; distance: number }
export interface Region { left: number; top: number; width: number; height: number }
export interface Points {
  n: number; names: string[]; labels: (string | null)[]; cluster: Int32Array; width: Int32Array; height: Int32Array; rank: Int32Array;
  x: Float32Array | null; y: Float32Array | null;
}

export class Refused extends Error {
  constructor(message: string, readonly status: number) { super(message); }
}

/** Where answers come from: all of it by address, and many thumbnails at once. */
export interface Source {
  answer(path: string, options?: RequestInit): Promise<Response>;
  address(path: string): string;
  has(path: string): boolean;
  thumbnails(rows: number[]): Promise<Blob[]>;
}
const server: Source = {
  answer: (path, options) => fetch(`api/${path}`, options),
  address: (path) => `api/${path}`,
  has: () => true,
  async thumbnails(rows) {
    const found = await table(`thumbnails?rows=${rows.join(",")}`);
    return Array.from(found.getChild("jpeg")!, (jpeg) => new Blob([jpeg as BlobPart], { type: "image/jpeg" }));
  },
};
const source = frozen ?? server;
/** Whether this is a report: what needs a server, or changes the library, is not offered. */
export const isReport = source !== server;

async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await source.answer(path, options);
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new Refused(texts.lost, 0);
  }
  if (answer.ok) return answer;
  let said = answer.statusText;
  try {
    const { detail } = await answer.json();
    said = typeof detail === "string" ? detail : detail?.[0]?.msg ?? said;
  } catch { /* not JSON: the status text has to do */ }
  throw new Refused(said, answer.status);
}

const json = async <T>(path: string, options?: RequestInit): Promise<T> => (await ask(path, options)).json();
const send = <T>(method: string, path: string, body: unknown, version?: number): Promise<T> =>
  json(path, {
    method,
    headers: { "Content-Type": "application/json", ...(version === undefined ? {} : { "If-Match": `"${version}"` }) },
    body: JSON.stringify(body),
  });
const table = async (path: string) => tableFromIPC(new Uint8Array(await (await ask(path)).arrayBuffer()));
type Table = Awaited<ReturnType<typeof table>>;
const floats = (found: Table, name: string) => Float32Array.from(found.getChild(name)!.toArray() as ArrayLike<number>);
const whole = (found: Table, name: string) => Int32Array.from(found.getChild(name)!.toArray() as ArrayLike<number>);

export const api = {
  state: () => json<State>("state"),
  about: () => json<About>("library"),
  clusters: () => json<Clusters>("clusters"),
  training: () => json<{ history: Record<string, number[]>; facts: Record<string, unknown>; doubts: string[]; decodes: boolean; size: number }>("training"),
  scores: () => json<{ scores: Record<string, number> | null; reason: string | null }>("scores"),
  modularity: () => json<Curve>("modularity"),

  async points(): Promise<Points> {
    const found = await table("points");
    const place = (name: string) => (found.getChild(name) ? floats(found, name) : null);
    return {
      n: found.numRows,
      names: Array.from(found.getChild("file_name")!) as string[],
      labels: Array.from(found.getChild("label")!) as (string | null)[],
      cluster: whole(found, "cluster"), width: whole(found, "width"), height: whole(found, "height"), rank: whole(found, "rank"),
      x: place("x"), y: place("y"),
    };
  },
  async layout(name: string): Promise<[Float32Array, Float32Array]> {
    const found = await table(`layouts/${name}`);
    return [floats(found, "x"), floats(found, "y")];
  },
  async likeness(): Promise<{ strangeness: Float32Array; nearest: Int32Array; distance: Float32Array }> {
    const found = await table("likeness");
    return { strangeness: floats(found, "strangeness"), nearest: whole(found, "nearest"), distance: floats(found, "distance") };
  },
  thumbnails: (rows: number[]) => source.thumbnails(rows),
  sheet: async (sheet: number, key: string) => (await ask(`atlas/${sheet}?key=${key}`)).blob(),
  preview: async (row: number, size: number) => (await ask(previewOf(row, size))).blob(),

  matches: (row: number, region: Region | null, n = 60) => json<Match[]>(`images/${row}/matches?n=${n}${regionQuery(region)}`),
  find: (picture: Blob, region: Region | null, n = 60) =>
    json<Match[]>(`find?n=${n}${regionQuery(region)}`, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: picture }),

  cluster: (n: number | "auto", version: number) => send<{ did: string; version: number }>("POST", "clusters", { n_clusters: n }, version),
  rename: (cluster: number, name: string, version: number) => send("PATCH", `clusters/${cluster}`, { name }, version),
  merge: (clusters: number[], version: number) => send("POST", "clusters/merge", { clusters }, version),
  split: (cluster: number, n: number, version: number) => send("POST", `clusters/${cluster}/split`, { n_clusters: n }, version),
  move: (rows: number[], cluster: number | null, name: string | null, version: number) =>
    send("POST", "clusters/move", { rows, cluster, name }, version),
  release: (clusters: number[], version: number) => send("POST", "clusters/release", { clusters }, version),
  undo: (version: number) => send<{ did: string }>("POST", "clusters/undo", {}, version),

  select: (rows: number[]) => send<{ id: string; images: number }>("POST", "selections", { rows }),
  links: (id: string, name: string) => send<{ path: string; images: number }>("POST", `selections/${id}/links`, { name }),

  thumbnail: (row: number) => source.address(`images/${row}/thumbnail`),
  picture: (row: number, size: number) => source.address(previewOf(row, size)),
  file: (row: number) => source.address(`images/${row}/file`),
  hasReconstruction: (row: number) => source.has(reconstructionOf(row)),
  reconstruction: (row: number) => source.address(reconstructionOf(row)),
  walk: (first: number, second: number, steps: number) => source.address(`walk?first=${first}&second=${second}&steps=${steps}`),
  saved: (id: string, ending: string) => source.address(`selections/${id}.${ending}`),
};

const regionQuery = (region: Region | null) =>
  region ? `&left=${region.left}&top=${region.top}&width=${region.width}&height=${region.height}` : "";
const previewOf = (row: number, size: number) => `images/${row}/preview?size=${size}`;
const reconstructionOf = (row: number) => `images/${row}/reconstruction`;
