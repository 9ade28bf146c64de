// From words to a wave with the graphs that `soundvcm export` writes. Knows no page.
//
//   const system = await load("model/");  const { wave, sampleRate } = await system.make("rain", 7, 1);

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

// One thread needs no special headers of the server; the graphs take about a second as they are.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./node_modules/onnxruntime-web/dist/", import.meta.url).href;

export async function load(folder, progress = () => {}) {
  const get = async (name) => {
    progress(name);
    const answer = await fetch(folder + name);
    if (!answer.ok) throw new Error(`${name} is not here: run soundvcm export ${folder}`);
    return answer;
  };
  const about = await (await get("about.json")).json();
  const words = await (await get("words.json")).json();
  const table = new Int8Array(await (await get("words.bin")).arrayBuffer());
  const noise = new Float32Array(await (await get("noise.bin")).arrayBuffer());
  const session = async (name) => ort.InferenceSession.create(new Uint8Array(await (await get(name)).arrayBuffer()));
  const network = await session("network.onnx");
  const codec = await session("codec.onnx");
  const index = new Map(words.pieces.map((piece, number) => [piece, number]));
  const { shapes } = about;
  const size = (name) => shapes[name].reduce((a, b) => a * b, 1);
  const tensor = (name, data) => new ort.Tensor("float32", data, shapes[name]);
  const flag = (yes) => new ort.Tensor("bool", [yes], [1]);

  async function make(prompt, seed, steps = 1) {
    const vector = embed(prompt, words, table, index);
    const given = {
      semantic: tensor("semantic", new Float32Array(size("semantic"))),
      sync: tensor("sync", new Float32Array(size("sync"))),
      text: tensor("text", vector ?? new Float32Array(words.dim)),
      has_semantic: flag(false),
      has_sync: flag(false),
      has_text: flag(vector !== null),
    };
    let noisy = tensor("noisy", gaussians(seed, size("noisy")).map((value) => value * about.temperature));
    for (let step = steps; step > 0; step--) {
      const t = tensor("t", Float32Array.of(step / steps));
      const s = tensor("s", Float32Array.of((step - 1) / steps));
      noisy = (await network.run({ noisy, t, s, ...given })).moved;
    }
    const { wave } = await codec.run({ latents: noisy, noise: new ort.Tensor("float32", noise, [1, noise.length]) });
    return { wave: wave.data.slice(0, about.samples), sampleRate: about.sample_rate };
  }
  return { about, make };
}

// The word pieces' vectors, summed and brought to length 1; null where there are no words.
export function embed(text, words, table, index = new Map(words.pieces.map((piece, number) => [piece, number]))) {
  const found = [];
  for (const word of split(text)) {
    const pieces = cut(word, index);
    if (found.length + pieces.length > words.limit) break;
    found.push(...pieces);
  }
  if (!found.length) return null;
  const sum = new Float32Array(words.dim);
  for (const piece of found) {
    for (let k = 0; k < words.dim; k++) sum[k] += table[piece * words.dim + k] * words.scale[piece];
  }
  const length = Math.hypot(...sum);
  return sum.map((value) => value / length);
}

// BERT's rules: lower case, no accents, punctuation and Chinese characters by themselves.
function split(text) {
  return text
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "")
    .replace(/[\p{P}$+<=>^`|~\p{Script=Han}]/gu, " $& ")
    .split(/\s+/u)
    .filter(Boolean);
}

// Greedy longest match; a word that cannot be built is the unknown piece.
function cut(word, index) {
  const pieces = [];
  for (let start = 0; start < word.length; ) {
    let end = word.length;
    while (end > start && !index.has((start ? "##" : "") + word.slice(start, end))) end--;
    if (end === start || word.length > 100) return [index.get("[UNK]")];
    pieces.push(index.get((start ? "##" : "") + word.slice(start, end)));
    start = end;
  }
  return pieces;
}

// Normal numbers from a seed (mulberry32, Box-Muller): the same page gives the same sound, Python another take.
export function gaussians(seed, count) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const values = new Float32Array(count);
  for (let k = 0; k < count; k += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    values[k] = radius * Math.cos(angle);
    if (k + 1 < count) values[k + 1] = radius * Math.sin(angle);
  }
  return values;
}

// A WAV file of 16-bit samples.
export function wav(wave, sampleRate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * wave.length));
  const text = (at, letters) => [...letters].forEach((letter, k) => view.setUint8(at + k, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * wave.length, true);
  text(8, "WAVEfmt ");
  [[16, 16, 4], [20, 1, 2], [22, 1, 2], [24, sampleRate, 4], [28, 2 * sampleRate, 4], [32, 2, 2], [34, 16, 2]].forEach(
    ([at, value, bytes]) => (bytes === 4 ? view.setUint32(at, value, true) : view.setUint16(at, value, true)),
  );
  text(36, "data");
  view.setUint32(40, 2 * wave.length, true);
  wave.forEach((value, k) => view.setInt16(44 + 2 * k, Math.round(32767 * Math.max(-1, Math.min(1, value))), true));
  return new Blob([view], { type: "audio/wav" });
}
