/** The drawing: points for all images, pictures for those that have room. WebGL 2 and nothing newer. */

import type { Camera } from "./camera";
import type { Place } from "./pictures";

const POINTS = `#version 300 es
in vec2 from; in vec2 to; in vec4 colour; in float state;
uniform vec4 view; uniform vec3 size; uniform float share; uniform float quiet;
out vec4 tone; out float ring;
void main() {
  vec2 at = mix(from, to, share);
  gl_Position = vec4((at - view.xy) * view.zw, 0.0, 1.0);
  bool chosen = state > 1.5, faint = state < 0.5;
  gl_PointSize = faint ? size.x * 0.8 : chosen ? size.x + size.y : size.x;
  float alpha = faint ? size.z * 0.18 : chosen ? 1.0 : size.z * quiet;
  tone = vec4(colour.rgb, alpha);
  ring = chosen ? 1.0 : 0.0;
}`;
const POINT = `#version 300 es
precision mediump float;
in vec4 tone; in float ring; out vec4 shown;
uniform vec3 chosen;
void main() {
  float far = length(gl_PointCoord - 0.5) * 2.0;
  float inside = 1.0 - smoothstep(0.82, 1.0, far);
  vec3 colour = mix(tone.rgb, chosen, ring * smoothstep(0.5, 0.6, far));
  shown = vec4(colour * tone.a * inside, tone.a * inside);
}`;
const PICTURES = `#version 300 es
in vec2 corner; in vec4 box; in vec4 crop; in vec4 frame; in vec2 look;
uniform vec2 screen;
out vec2 spot; out vec2 half_; out vec2 at; flat out vec4 rim; flat out vec2 style;
void main() {
  half_ = box.zw * 0.5;
  vec2 pixel = box.xy + (corner - 0.5) * (box.zw + 2.0 * look.x);
  gl_Position = vec4(pixel / screen * 2.0 - 1.0, 0.0, 1.0);
  gl_Position.y = -gl_Position.y;
  at = (corner - 0.5) * (box.zw + 2.0 * look.x);
  spot = mix(crop.xy, crop.zw, clamp((at + half_) / box.zw, 0.0, 1.0));
  rim = frame; style = look;
}`;
const PICTURE = `#version 300 es
precision highp float;
in vec2 spot; in vec2 half_; in vec2 at; flat in vec4 rim; flat in vec2 style; out vec4 shown;
uniform sampler2D sheet; uniform float has;
float edge(vec2 p, vec2 size, float round) { vec2 q = abs(p) - size + round; return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - round; }
void main() {
  float round = min(min(half_.x, half_.y) * 0.22, 7.0);
  float inner = edge(at, half_, round), outer = edge(at, half_ + style.x, round + style.x);
  float whole = clamp(0.5 - outer, 0.0, 1.0), picture = clamp(0.5 - inner, 0.0, 1.0);
  vec3 colour = has > 0.5 ? texture(sheet, spot).rgb : mix(rim.rgb, vec3(0.5), 0.35);
  float frame = style.x > 0.0 ? rim.a : 0.0;
  float alpha = max(picture, whole * frame) * style.y;
  shown = vec4(mix(rim.rgb, colour, picture) * alpha, alpha);
}`;

export interface Picture { row: number; x: number; y: number; w: number; h: number; place: Place | null; rim: [number, number, number]; line: number; alpha: number }

const NUMBERS = 14; // of each picture: box, crop, frame, look

export class Drawing {
  readonly gl: WebGL2RenderingContext;
  private points: WebGLProgram;
  private pictures: WebGLProgram;
  private pointArray: WebGLVertexArrayObject;
  private pictureArray: WebGLVertexArrayObject;
  private buffers: Record<"from" | "to" | "colour" | "state" | "corner" | "each", WebGLBuffer>;
  private n = 0;
  private data = new Float32Array(NUMBERS * 256);

  constructor(readonly canvas: HTMLCanvasElement) {
    const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, premultipliedAlpha: true, powerPreference: "high-performance" });
    if (!gl) throw new Error("no WebGL 2");
    this.gl = gl;
    this.points = program(gl, POINTS, POINT, ["from", "to", "colour", "state"]);
    this.pictures = program(gl, PICTURES, PICTURE, ["corner", "box", "crop", "frame", "look"]);
    const buffer = () => gl.createBuffer()!;
    this.buffers = { from: buffer(), to: buffer(), colour: buffer(), state: buffer(), corner: buffer(), each: buffer() };
    this.pointArray = gl.createVertexArray()!;
    gl.bindVertexArray(this.pointArray);
    this.attribute(0, "from", 2, gl.FLOAT);
    this.attribute(1, "to", 2, gl.FLOAT);
    this.attribute(2, "colour", 4, gl.UNSIGNED_BYTE, true);
    this.attribute(3, "state", 1, gl.UNSIGNED_BYTE);
    this.pictureArray = gl.createVertexArray()!;
    gl.bindVertexArray(this.pictureArray);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.corner);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    this.attribute(0, "corner", 2, gl.FLOAT);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.each);
    [4, 4, 4, 2].reduce((offset, size, at) => {
      gl.enableVertexAttribArray(at + 1);
      gl.vertexAttribPointer(at + 1, size, gl.FLOAT, false, NUMBERS * 4, offset * 4);
      gl.vertexAttribDivisor(at + 1, 1);
      return offset + size;
    }, 0);
    gl.bindVertexArray(null);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }
  private attribute(at: number, name: keyof Drawing["buffers"], size: number, type: number, normal = false) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, type, normal, 0, 0);
  }
  private fill(name: keyof Drawing["buffers"], data: BufferSource) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[name]);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, data, this.gl.DYNAMIC_DRAW);
  }
  /** Places before and after a change of layout: two numbers for each point. */
  places(from: Float32Array, to: Float32Array) { this.n = from.length / 2; this.fill("from", from as BufferSource); this.fill("to", to as BufferSource); }
  colours(data: Uint8Array) { this.fill("colour", data as BufferSource); }
  /** Of each point: 0 faint, 1 ordinary, 2 chosen. */
  states(data: Uint8Array) { this.fill("state", data as BufferSource); }

  begin(camera: Camera, ratio: number) {
    const { gl, canvas } = this;
    const width = Math.round(camera.width * ratio), height = Math.round(camera.height * ratio);
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }
  /** The first so many points. */
  drawPoints(camera: Camera, share: number, drawn: number, look: { size: number; ring: number; alpha: number; quiet: number; chosen: [number, number, number] }) {
    if (!this.n) return;
    const { gl, points } = this;
    gl.useProgram(points);
    gl.bindVertexArray(this.pointArray);
    gl.uniform4f(where(gl, points, "view"), camera.x, camera.y, (2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height);
    gl.uniform3f(where(gl, points, "size"), look.size, look.ring, look.alpha);
    gl.uniform1f(where(gl, points, "share"), share);
    gl.uniform1f(where(gl, points, "quiet"), look.quiet);
    gl.uniform3f(where(gl, points, "chosen"), ...look.chosen);
    gl.drawArrays(gl.POINTS, 0, Math.min(drawn, this.n));
  }
  /** Pictures in this order, one over the other; those that follow on one texture are drawn at once. */
  drawPictures(list: Picture[], width: number, height: number, ratio: number) {
    if (!list.length) return;
    const { gl, pictures } = this;
    if (this.data.length < list.length * NUMBERS) this.data = new Float32Array(list.length * NUMBERS * 2);
    list.forEach(({ x, y, w, h, place, rim, line, alpha }, at) => {
      const p = place ?? { u0: 0, v0: 0, u1: 0, v1: 0 };
      this.data.set([x * ratio, y * ratio, w * ratio, h * ratio, p.u0, p.v0, p.u1, p.v1, ...rim, 1, line * ratio, alpha], at * NUMBERS);
    });
    gl.useProgram(pictures);
    gl.bindVertexArray(this.pictureArray);
    gl.uniform2f(where(gl, pictures, "screen"), width * ratio, height * ratio);
    gl.activeTexture(gl.TEXTURE0);
    for (let start = 0; start < list.length; ) {
      let end = start + 1;
      const { place } = list[start];
      while (end < list.length && list[end].place?.texture === place?.texture) end++;
      if (place) gl.bindTexture(gl.TEXTURE_2D, place.texture);
      gl.uniform1f(where(gl, pictures, "has"), place ? 1 : 0);
      this.fill("each", this.data.subarray(start * NUMBERS, end * NUMBERS) as BufferSource);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, end - start);
      start = end;
    }
  }
}

const places = new WeakMap<WebGLProgram, Map<string, WebGLUniformLocation | null>>();

function where(gl: WebGL2RenderingContext, of: WebGLProgram, name: string): WebGLUniformLocation | null {
  let known = places.get(of);
  if (!known) places.set(of, (known = new Map()));
  if (!known.has(name)) known.set(name, gl.getUniformLocation(of, name));
  return known.get(name)!;
}

function program(gl: WebGL2RenderingContext, vertex: string, fragment: string, attributes: string[]): WebGLProgram {
  const made = gl.createProgram()!;
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]] as const) {
    const shader = gl.createShader(kind)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? "shader");
    gl.attachShader(made, shader);
  }
  attributes.forEach((name, at) => gl.bindAttribLocation(made, at, name));
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) ?? "program");
  return made;
}
