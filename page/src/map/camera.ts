/** What part of the layout the screen shows. Layouts lie within −1 … 1, y upwards; screens count pixels from the top. */

export interface Insets { left: number; top: number; right: number; bottom: number }
export interface View { x: number; y: number; scale: number }

export class Camera {
  x = 0; y = 0; scale = 300; // middle of the screen, pixels for one unit
  width = 1; height = 1;
  insets: Insets = { left: 0, top: 0, right: 0, bottom: 0 };
  private goal: View | null = null;
  private from: View = { x: 0, y: 0, scale: 1 };
  private began = 0;
  private lasts = 0;

  toScreen(x: number, y: number): [number, number] {
    return [(x - this.x) * this.scale + this.width / 2, (this.y - y) * this.scale + this.height / 2];
  }
  toLayout(left: number, top: number): [number, number] {
    return [(left - this.width / 2) / this.scale + this.x, this.y - (top - this.height / 2) / this.scale];
  }
  move(right: number, down: number) {
    this.goal = null;
    this.x -= right / this.scale;
    this.y += down / this.scale;
    this.keepNear();
  }
  zoom(by: number, left = this.width / 2, top = this.height / 2) {
    this.goal = null;
    const [x, y] = this.toLayout(left, top);
    this.scale = Math.min(Math.max(this.scale * by, this.fitted().scale / 3), 3e6);
    const [nowX, nowY] = this.toLayout(left, top);
    this.x += x - nowX;
    this.y += y - nowY;
    this.keepNear();
  }
  /** The view that shows everything beside what covers the edges. */
  fitted(extent: [number, number, number, number] = [-1, -1, 1, 1]): View {
    const { left, top, right, bottom } = this.insets;
    const width = Math.max(this.width - left - right, 80), height = Math.max(this.height - top - bottom, 80);
    const [x0, y0, x1, y1] = extent;
    const scale = 0.94 * Math.min(width / Math.max(x1 - x0, 1e-6), height / Math.max(y1 - y0, 1e-6));
    return { scale, x: (x0 + x1) / 2 - (left - right) / 2 / scale, y: (y0 + y1) / 2 + (top - bottom) / 2 / scale };
  }
  /** The view that has a place of the layout in the middle of what is not covered. */
  around(x: number, y: number, scale: number): View {
    const { left, top, right, bottom } = this.insets;
    return { scale, x: x - (left - right) / 2 / scale, y: y + (top - bottom) / 2 / scale };
  }
  glide(to: View, milliseconds: number) {
    if (milliseconds <= 0) { Object.assign(this, to); this.goal = null; return; }
    this.goal = to; this.from = { x: this.x, y: this.y, scale: this.scale };
    this.began = performance.now(); this.lasts = milliseconds;
  }
  /** Goes on with a glide; whether there is more to come. */
  tick(now: number): boolean {
    if (!this.goal) return false;
    const share = Math.min(1, (now - this.began) / this.lasts), eased = ease(share);
    this.scale = this.from.scale * (this.goal.scale / this.from.scale) ** eased;
    const moved = this.goal.scale === this.from.scale ? eased
      : (1 / this.from.scale - 1 / this.scale) / (1 / this.from.scale - 1 / this.goal.scale);
    this.x = this.from.x + (this.goal.x - this.from.x) * moved;
    this.y = this.from.y + (this.goal.y - this.from.y) * moved;
    if (share === 1) { Object.assign(this, this.goal); this.goal = null; }
    return true;
  }
  private keepNear() {
    const far = 1.15 + 0.4 * Math.min(this.width, this.height) / this.scale;
    this.x = Math.min(Math.max(this.x, -far), far);
    this.y = Math.min(Math.max(this.y, -far), far);
  }
}

export const ease = (t: number) => (t < 0.5 ? 4 * t * t * t : 1 - (2 - 2 * t) ** 3 / 2);
