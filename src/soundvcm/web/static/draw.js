// Pictures of sounds: waveform, mel spectrogram, curve of movement. Knows numbers and canvases only.

const FFT = 1024, MELS = 64, FLOOR_DB = -90;

/** A canvas as wide as it is shown, sharp on any screen; returns its 2d context and size. */
function prepare(canvas) {
  const scale = window.devicePixelRatio || 1;
  const height = Number(canvas.getAttribute("data-height") || canvas.getAttribute("height"));
  canvas.setAttribute("data-height", height);
  const width = Math.max(64, canvas.clientWidth || 320);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.height = `${height}px`;
  return { pen: canvas.getContext("2d"), width: canvas.width, height: canvas.height };
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Largest and smallest sample of each column; `level` fills the height, and is the same for all takes. */
export function drawWave(canvas, samples, level) {
  const { pen, width, height } = prepare(canvas);
  const peak = Math.max(level, 1e-4);
  pen.fillStyle = colour("--wave");
  for (let x = 0; x < width; x++) {
    const from = Math.floor((x * samples.length) / width);
    const to = Math.max(from + 1, Math.floor(((x + 1) * samples.length) / width));
    let low = 1, high = -1;
    for (let k = from; k < to && k < samples.length; k++) {
      low = Math.min(low, samples[k]);
      high = Math.max(high, samples[k]);
    }
    const top = (0.5 - (0.48 * high) / peak) * height;
    pen.fillRect(x, top, 1, Math.max(1, ((0.48 * (high - low)) / peak) * height));
  }
}

/** In-place radix-2 FFT of real and imaginary parts. */
function transform(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = (-2 * Math.PI) / size, half = size >> 1;
    for (let k = 0; k < half; k++) {
      const c = Math.cos(angle * k), s = Math.sin(angle * k);
      for (let i = k; i < n; i += size) {
        const j = i + half;
        const x = re[j] * c - im[j] * s, y = re[j] * s + im[j] * c;
        re[j] = re[i] - x; im[j] = im[i] - y;
        re[i] += x; im[i] += y;
      }
    }
  }
}

const toMel = (hertz) => 2595 * Math.log10(1 + hertz / 700);
const toHertz = (mel) => 700 * (10 ** (mel / 2595) - 1);

/** First and last bin of each mel band. */
function bands(rate) {
  const top = toMel(rate / 2);
  return Array.from({ length: MELS }, (_, m) => {
    const first = Math.floor((toHertz((top * m) / MELS) / rate) * FFT);
    const last = Math.ceil((toHertz((top * (m + 1)) / MELS) / rate) * FFT);
    return [first, Math.max(first + 1, Math.min(last, FFT / 2))];
  });
}

/** Black to violet to orange to pale yellow. */
function heat(value) {
  const stops = [[4, 4, 20], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
  const place = Math.min(0.9999, Math.max(0, value)) * (stops.length - 1);
  const k = Math.floor(place), part = place - k;
  return stops[k].map((from, i) => from + (stops[k + 1][i] - from) * part);
}

/** Mel spectrogram, dB below the loudest point; one column of the canvas is one window of 1024 samples. */
export function drawMel(canvas, samples, rate) {
  const { pen, width, height } = prepare(canvas);
  const columns = Math.min(width, 480), edges = bands(rate);
  const powers = new Float32Array(columns * MELS);
  const hann = Float32Array.from({ length: FFT }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / FFT));
  let most = 1e-12;
  for (let x = 0; x < columns; x++) {
    const from = Math.round(((x + 0.5) * samples.length) / columns) - FFT / 2;
    const re = Float32Array.from({ length: FFT }, (_, k) => (samples[from + k] || 0) * hann[k]);
    const im = new Float32Array(FFT);
    transform(re, im);
    edges.forEach(([first, last], m) => {
      let sum = 0;
      for (let bin = first; bin < last; bin++) sum += re[bin] * re[bin] + im[bin] * im[bin];
      powers[x * MELS + m] = sum / (last - first);
      most = Math.max(most, powers[x * MELS + m]);
    });
  }
  const small = new OffscreenCanvas(columns, MELS), brush = small.getContext("2d");
  const image = brush.createImageData(columns, MELS);
  for (let x = 0; x < columns; x++) {
    for (let m = 0; m < MELS; m++) {
      const level = 10 * Math.log10(powers[x * MELS + m] / most + 1e-12);
      const [r, g, b] = heat(1 - level / FLOOR_DB);
      image.data.set([r, g, b, 255], 4 * ((MELS - 1 - m) * columns + x));
    }
  }
  brush.putImageData(image, 0, 0);
  pen.drawImage(small, 0, 0, width, height);
}

/** Movement over time, 0 .. 1. */
export function drawMotion(canvas, values) {
  const { pen, width, height } = prepare(canvas);
  pen.strokeStyle = colour("--wave");
  pen.lineWidth = Math.max(1, window.devicePixelRatio || 1);
  pen.beginPath();
  values.forEach((value, k) => pen.lineTo(((k + 0.5) * width) / values.length, (0.96 - 0.9 * value) * height));
  pen.stroke();
}
