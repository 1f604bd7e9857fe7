import { spacing } from "./levels";

/** Takes places, ranks and rows; answers with the spacing of each image, and the number of the question. */
self.onmessage = (event: MessageEvent) => {
  const { id, x, y, rank, rows } = event.data;
  const answer = (found: Float32Array) => self.postMessage({ id, found }, { transfer: [found.buffer] });
  answer(spacing(x, y, rank, rows, answer));
};
