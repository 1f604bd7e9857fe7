/** A selection as a file, made here: what a server would give, but for the embeddings, which a report does not hold. */

import * as app from "./state";

/** A float32 in as few digits as tell it from all others. */
function short(value: number): number {
  for (let digits = 6; digits < 9; digits++) if (Math.fround(+value.toPrecision(digits)) === value) return +value.toPrecision(digits);
  return value;
}
function record(row: number) {
  const all = app.points.value!, cluster = all.cluster[row];
  return {
    file_name: all.names[row], width: all.width[row], height: all.height[row], label: all.labels[row], cluster, cluster_name: app.clusterName(cluster),
    projection_x: all.x && short(all.x[row]), projection_y: all.y && short(all.y[row]),
  };
}
const quoted = (value: unknown) => {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** The rows, in their order, as CSV or JSON lines. */
export function tableOf(rows: number[], ending: "csv" | "jsonl"): Blob {
  const records = [...rows].sort((a, b) => a - b).map(record);
  const lines = ending === "jsonl" ? records.map((one) => JSON.stringify(one))
    : [Object.keys(records[0]).join(","), ...records.map((one) => Object.values(one).map(quoted).join(","))];
  return new Blob([lines.join("\n") + "\n"], { type: ending === "csv" ? "text/csv" : "application/jsonl" });
}
