/** Which images come into view at which zoom, so that no two overlap: nested Poisson-disc sampling, coarse to fine. */

/**
 * For each image the distance (in units of the layout) that it keeps from all that come into view before it: shown at a
 * zoom where pictures are smaller than that, no two overlap. Images come in the order of `rank`, so what is in view
 * stays in view as one zooms in. 0 for those that are not among `rows`, or lie on top of another.
 */
export function spacing(x: Float32Array, y: Float32Array, rank: Int32Array, rows: Int32Array): Float32Array {
  const found = new Float32Array(x.length);
  let waiting = Int32Array.from(rows).sort((a, b) => rank[a] - rank[b]);
  const accepted: number[] = [];
  for (let apart = 0.5; waiting.length && apart > 2e-5; apart *= 0.84) {
    const cells = new Map<number, number>();
    const key = (row: number) => Math.floor((x[row] + 2) / apart) * 4194304 + Math.floor((y[row] + 2) / apart);
    for (const row of accepted) cells.set(key(row), row);
    const left: number[] = [];
    for (const row of waiting) {
      const at = key(row);
      if (isFree(cells, at, row, x, y, apart)) {
        cells.set(at, row);
        accepted.push(row);
        found[row] = apart;
      } else left.push(row);
    }
    waiting = Int32Array.from(left);
  }
  return found;
}

function isFree(cells: Map<number, number>, at: number, row: number, x: Float32Array, y: Float32Array, apart: number): boolean {
  for (let column = -4194304; column <= 4194304; column += 4194304)
    for (let line = -1; line <= 1; line++) {
      const other = cells.get(at + column + line);
      if (other !== undefined && Math.abs(x[other] - x[row]) < apart && Math.abs(y[other] - y[row]) < apart) return false;
    }
  return true;
}
