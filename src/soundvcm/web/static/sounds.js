// Sounds in the browser: samples of a WAV for drawing, and the gain a take is heard with.
// Knows Web Audio; nothing of the page.

let ears = null; // one AudioContext, made when the first take is drawn
let room = null; // another, where takes with a gain are played; made when the first one is

/** A sound file, whole: it is drawn and played from here, and no connection to the studio stays open for it. */
export async function load(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.blob();
}

/** Samples of a WAV at its own rate, first channel. */
export async function listen(file) {
  const bytes = await file.arrayBuffer();
  const rate = new DataView(bytes).getUint32(24, true); // WAVE fmt chunk: samples a second
  ears = ears && ears.sampleRate === rate ? ears : new OfflineAudioContext(1, 1, rate);
  const sound = await ears.decodeAudioData(bytes);
  const samples = sound.getChannelData(0);
  let peak = 1e-9;
  for (const value of samples) peak = Math.max(peak, Math.abs(value));
  return { samples, rate, peak, seconds: sound.duration };
}

/** Let a take be heard louder or softer; never beyond full scale, which is how the server writes it too. */
export function amplify(take, decibels) {
  if (!take.amplifier && decibels === 0) return; // nothing stands between a take and the ear without need
  if (!take.amplifier) {
    room = room || new AudioContext();
    take.amplifier = room.createGain();
    room.createMediaElementSource(take.audio).connect(take.amplifier).connect(room.destination);
  }
  room.resume();
  const most = take.heard ? Math.max(1, 1 / take.heard.peak) : 1;
  take.amplifier.gain.value = Math.min(10 ** (decibels / 20), most);
}

/** Copy a text, and say so on the button that was pressed. */
export async function copy(button, text) {
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = `Copied ${text}`;
  } catch {
    button.textContent = text; // no clipboard here: it is selected for copying by hand
    window.getSelection().selectAllChildren(button);
  }
  setTimeout(() => { button.textContent = words; }, 2500);
}
