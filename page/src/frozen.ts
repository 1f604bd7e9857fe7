/** The answers that a report holds: those of the server, each in a script element under its address. None is asked for. */

import { tableFromIPC, type Table } from "apache-arrow";
import type { Source } from "./api";
import { texts } from "./texts";

const parts = new Map(Array.from(document.querySelectorAll<HTMLScriptElement>("script[data-answer]"), (part) => [part.dataset.answer!, part]));
const read = new Map<string, Blob>(), addresses = new Map<string, string>(), tables = new Map<string, Table>();

function bytes(part: HTMLScriptElement): Uint8Array<ArrayBuffer> {
  const text = atob(part.textContent!), made = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) made[at] = text.charCodeAt(at);
  part.textContent = "";
  return made;
}
function whole(path: string): Blob | null {
  const part = parts.get(path);
  if (part && !read.has(path)) read.set(path, new Blob([bytes(part)], { type: part.dataset.kind }));
  return read.get(path) ?? null;
}
/** A table with something of every image, in their order. */
function table(path: string) {
  if (!tables.has(path)) tables.set(path, tableFromIPC(bytes(parts.get(path)!)));
  return tables.get(path)!;
}
function picture(row: number): Blob {
  return new Blob([table("thumbnails").getChild("picture")!.get(row) as Uint8Array<ArrayBuffer>], { type: "image/webp" });
}
function matches(row: number): Blob {
  const of = (name: string) => Array.from(table("matches").getChild(name)!.get(row) as Iterable<number>), rows = of("rows"), distances = of("distances");
  return new Blob([JSON.stringify(rows.map((match, at) => ({ row: match, distance: distances[at] })))], { type: "application/json" });
}
function find(path: string): Blob | null {
  const [, row, what] = /^images\/(\d+)\/(\w+)/.exec(path) ?? [];
  if (what === "matches") return matches(+row);
  return what === "thumbnail" || what === "preview" ? picture(+row) : whole(path.split("?")[0]);
}

/** Null where a server answers. */
export const frozen: Source | null = parts.size === 0 ? null : {
  async answer(path) {
    const found = find(path);
    return found ? new Response(found) : new Response(JSON.stringify({ detail: texts.notInReport }), { status: 404 });
  },
  address(path) {
    if (!addresses.has(path)) addresses.set(path, URL.createObjectURL(find(path) ?? new Blob()));
    return addresses.get(path)!;
  },
  has: (path) => parts.has(path),
  thumbnails: async (rows) => rows.map(picture),
};
