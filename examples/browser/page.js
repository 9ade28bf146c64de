// The page: form, waveform, player. The work is in sound.js.

import { load, wav } from "./sound.js";

const at = (id) => document.getElementById(id);
const say = (text) => (at("status").textContent = text);

function draw(wave) {
  const canvas = at("wave");
  const pen = canvas.getContext("2d");
  const { width, height } = canvas;
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = "#2b5d8a";
  for (let x = 0; x < width; x++) {
    const part = wave.subarray(Math.floor((x * wave.length) / width), Math.floor(((x + 1) * wave.length) / width));
    const peak = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    pen.fillRect(x, (height * (1 - peak)) / 2, 1, Math.max(1, height * peak));
  }
}

try {
  const system = await load("model/", (name) => say(`loading ${name} …`));
  at("run").disabled = false;
  say(`ready: ${system.about.model}, ${system.about.seconds} s`);
  at("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    at("run").disabled = true;
    say("making …");
    try {
      const began = performance.now();
      const { wave, sampleRate } = await system.make(at("prompt").value, Number(at("seed").value), Number(at("steps").value));
      draw(wave);
      URL.revokeObjectURL(at("player").src);
      at("player").src = at("download").href = URL.createObjectURL(wav(wave, sampleRate));
      at("download").hidden = false;
      say(`made in ${((performance.now() - began) / 1000).toFixed(2)} s`);
    } catch (error) {
      say(`it failed: ${error.message}`);
    }
    at("run").disabled = false;
  });
} catch (error) {
  say(error.message);
}
