/** Small pictures on the graphics card: sheets of the atlas for all images, and pages of larger ones for those in view. */

import { api } from "../api";

export interface Place { texture: WebGLTexture; u0: number; v0: number; u1: number; v1: number }

const PAGE = 2048;

export function texture(gl: WebGL2RenderingContext): WebGLTexture {
  const made = gl.createTexture()!;
  gl.bindTexture(gl.TEXTURE_2D, made);
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
  return made;
}

/** The sheets that the server makes: every image, by rank, a tile each. */
export class Atlas {
  private sheets = new Map<number, { texture: WebGLTexture; lines: number } | null>();
  private wanted: number[] = [];
  private loading = 0;

  constructor(
    private gl: WebGL2RenderingContext, private about: { tile: number; across: number; sheets: number; key: string },
    private rank: Int32Array, private changed: () => void,
  ) {}

  place(row: number): Place | null {
    const { across, tile, sheets } = this.about, each = across * across;
    const sheet = Math.floor(this.rank[row] / each), number = this.rank[row] % each;
    if (sheet >= sheets) return null;
    const there = this.sheets.get(sheet);
    if (there === undefined) { this.sheets.set(sheet, null); this.wanted.push(sheet); this.load(); }
    if (!there) return null;
    const column = number % across, line = Math.floor(number / across), rim = 0.5 / PAGE, height = there.lines * tile;
    return {
      texture: there.texture,
      u0: (column * tile) / PAGE + rim, u1: ((column + 1) * tile) / PAGE - rim,
      v0: (line * tile + 0.5) / height, v1: ((line + 1) * tile - 0.5) / height,
    };
  }
  private async load() {
    if (this.loading >= 2) return;
    const sheet = this.wanted.shift();
    if (sheet === undefined) return;
    this.loading++;
    try {
      const bitmap = await createImageBitmap(await api.sheet(sheet, this.about.key));
      const { gl } = this, made = texture(gl);
      gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, bitmap);
      this.sheets.set(sheet, { texture: made, lines: Math.round(bitmap.height / this.about.tile) });
      bitmap.close();
      this.changed();
    } catch {
      setTimeout(() => this.sheets.delete(sheet), 4000); // asked for again when it is next in view
    } finally {
      this.loading--;
      this.load();
    }
  }
  free() { for (const sheet of this.sheets.values()) if (sheet) this.gl.deleteTexture(sheet.texture); }
}

type Load = (rows: number[]) => Promise<(ImageBitmap | null)[]>;

/** Pages of square tiles of one size; what has not been in view for longest makes room. */
export class Pool {
  private pages: WebGLTexture[] = [];
  private slots = new Map<number, number>(); // row → slot, oldest first
  private free: number[] = [];
  private wanted = new Set<number>();
  private under = new Set<number>();
  private failed = new Set<number>();
  private loading = 0;
  private readonly across: number;

  constructor(
    private gl: WebGL2RenderingContext, readonly tile: number, private most: number, private batch: number, private loader: Load,
    private changed: () => void,
  ) { this.across = PAGE / tile; }

  place(row: number): Place | null {
    const slot = this.slots.get(row);
    if (slot === undefined) { if (!this.under.has(row) && !this.failed.has(row)) this.wanted.add(row); return null; }
    this.slots.delete(row);
    this.slots.set(row, slot);
    const each = this.across ** 2, inPage = slot % each, rim = 0.5 / PAGE;
    const u = (inPage % this.across) * this.tile / PAGE, v = Math.floor(inPage / this.across) * this.tile / PAGE;
    return { texture: this.pages[Math.floor(slot / each)], u0: u + rim, v0: v + rim, u1: u + this.tile / PAGE - rim, v1: v + this.tile / PAGE - rim };
  }
  has = (row: number) => this.slots.has(row);
  /** Fetches what was asked for since the last call, and forgets what was asked for before and is out of view. */
  fetch() {
    while (this.wanted.size && this.loading < 3) {
      const rows = [...this.wanted].slice(0, this.batch);
      for (const row of rows) { this.wanted.delete(row); this.under.add(row); }
      this.loading++;
      this.loader(rows)
        .then((bitmaps) => rows.forEach((row, at) => { const bitmap = bitmaps[at]; if (bitmap) this.keep(row, bitmap); else this.failed.add(row); }))
        .catch(() => rows.forEach((row) => this.failed.add(row)))
        .finally(() => { for (const row of rows) this.under.delete(row); this.loading--; this.changed(); });
    }
    this.wanted.clear();
  }
  private keep(row: number, bitmap: ImageBitmap) {
    const { gl, across, tile } = this, slot = this.slot(), inPage = slot % (across * across);
    gl.bindTexture(gl.TEXTURE_2D, this.pages[Math.floor(slot / (across * across))]);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, (inPage % across) * tile, Math.floor(inPage / across) * tile, gl.RGB, gl.UNSIGNED_BYTE, bitmap);
    bitmap.close();
    this.slots.set(row, slot);
  }
  private slot(): number {
    const each = this.across ** 2;
    if (!this.free.length && this.pages.length < this.most) {
      const page = texture(this.gl);
      this.gl.texStorage2D(this.gl.TEXTURE_2D, 1, this.gl.RGB8, PAGE, PAGE);
      this.pages.push(page);
      for (let slot = this.pages.length * each - 1; slot >= (this.pages.length - 1) * each; slot--) this.free.push(slot);
    }
    const slot = this.free.pop();
    if (slot !== undefined) return slot;
    const [row, oldest] = this.slots.entries().next().value!;
    this.slots.delete(row);
    return oldest;
  }
  dispose() { for (const page of this.pages) this.gl.deleteTexture(page); }
}

const square = (picture: Blob, side: number) =>
  createImageBitmap(picture, { resizeWidth: side, resizeHeight: side, resizeQuality: "medium" }).catch(() => null);

export const thumbnailLoader = (side: number): Load => async (rows) =>
  Promise.all((await api.thumbnails(rows)).map((picture) => square(picture, side)));
export const previewLoader = (side: number): Load => (rows) =>
  Promise.all(rows.map((row) => api.preview(row, side).then((picture) => square(picture, side), () => null)));
