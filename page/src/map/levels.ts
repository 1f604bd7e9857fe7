/** Which images come into view at which zoom, so that no two overlap: nested Poisson-disc sampling, coarse to fine. */

const STEP = 0.84; // from one distance to the next
const CANDIDATES = 24; // for each image that fits, so many are tried, where there are more than enough

/**
 * For each image the distance (in units of the layout) that it keeps from all that come into view before it: shown at a
 * zoom where pictures are smaller than that, no two overlap. Images come in the order of `rank`, so what is in view
 * stays in view as one zooms in. 0 for those that are not among `rows`, or lie on top of another. `soon` is called once
 * with what is known when there is enough for a first look.
 */
export function spacing(
  x: Float32Array, y: Float32Array, rank: Int32Array, rows: Int32Array, soon: (found: Float32Array) => void = () => {},
): Float32Array {
  const found = new Float32Array(x.length), waiting = Int32Array.from(rows).sort((a, b) => rank[a] - rank[b]);
  const accepted = new Int32Array(rows.length), cells = new Cells(rows.length);
  let left = waiting.length, taken = 0, told = left < 4000;
  for (let apart = 0.5; left && apart > 2e-5; apart *= STEP) {
    cells.clear(apart);
    for (let at = 0; at < taken; at++) cells.add(accepted[at], x, y);
    const tried = Math.min(left, Math.ceil(CANDIDATES * (2 / apart + 1) ** 2));
    let kept = 0;
    for (let at = 0; at < left; at++) {
      const row = waiting[at];
      if (at < tried && cells.isFree(row, x, y)) {
        cells.add(row, x, y);
        accepted[taken++] = row;
        found[row] = apart;
      } else waiting[kept++] = row;
    }
    left = kept;
    if (!told && taken > 1500) { told = true; soon(found.slice()); }
  }
  return found;
}

/** Images by the square cell that they lie in: a table of numbers, which is several times faster than a Map. */
class Cells {
  private table: Int32Array;
  private mask: number;
  private apart = 1;

  constructor(most: number) {
    let size = 64;
    while (size < 2 * most) size *= 2;
    this.table = new Int32Array(size).fill(-1);
    this.mask = size - 1;
  }
  clear(apart: number) { this.apart = apart; this.table.fill(-1); }
  add(row: number, x: Float32Array, y: Float32Array) {
    let at = this.slot(Math.floor(x[row] / this.apart), Math.floor(y[row] / this.apart));
    while (this.table[at] >= 0) at = (at + 1) & this.mask;
    this.table[at] = row;
  }
  /** Whether nothing lies within a square of twice the distance around an image. */
  isFree(row: number, x: Float32Array, y: Float32Array): boolean {
    const { table, apart, mask } = this, left = Math.floor(x[row] / apart), top = Math.floor(y[row] / apart);
    for (let column = left - 1; column <= left + 1; column++)
      for (let line = top - 1; line <= top + 1; line++)
        for (let at = this.slot(column, line); table[at] >= 0; at = (at + 1) & mask) {
          const other = table[at];
          if (Math.abs(x[other] - x[row]) < apart && Math.abs(y[other] - y[row]) < apart) return false;
        }
    return true;
  }
  private slot(column: number, line: number): number {
    const mixed = Math.imul(column, 73856093) ^ Math.imul(line, 19349663);
    return (mixed ^ (mixed >>> 15)) & this.mask;
  }
}
