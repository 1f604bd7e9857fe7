import { spacing } from "./levels";

/** Takes places, ranks and rows; answers with the spacing of each image, and the number of the question. */
self.onmessage = (event: MessageEvent) => {
  const { id, x, y, rank, rows } = event.data;
  const found = spacing(x, y, rank, rows);
  self.postMessage({ id, found }, { transfer: [found.buffer] });
};
