// The takes side by side: drawn, played in time with the picture, kept, deleted, downloaded.
// Knows the addresses of takes and the one picture of the page; nothing of the form.

import { drawMel, drawWave } from "./draw.js";

const DRIFT_SECONDS = 0.08;
let ears = null; // one AudioContext, made when the first take is drawn
let room = null; // another, where takes with a gain are played; made when the first one is

/** Samples of a WAV at its own rate, first channel. */
async function listen(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error((await answer.json()).error);
  const bytes = await answer.arrayBuffer();
  const rate = new DataView(bytes).getUint32(24, true); // WAVE fmt chunk: samples a second
  ears = ears && ears.sampleRate === rate ? ears : new OfflineAudioContext(1, 1, rate);
  const sound = await ears.decodeAudioData(bytes);
  const samples = sound.getChannelData(0);
  let peak = 1e-9;
  for (const value of samples) peak = Math.max(peak, Math.abs(value));
  return { samples, rate, peak, seconds: sound.duration };
}

export class Takes {
  /**
   * @param list element the takes are put into
   * @param template of one take
   * @param picture the page's video; may have no source
   * @param cursor line over the film strip
   * @param changed called with the number of takes after each change
   */
  constructor(list, template, picture, cursor, changed) {
    Object.assign(this, { list, template, picture, cursor, changed });
    this.takes = [];
    this.count = 0; // of all takes so far: deleted ones keep their number
    this.playing = null;
    this.original = null;
  }

  /** Put a finished take in front. `start` is the second of the clip it begins at. */
  add(facts, job, prompt, start, clip) {
    const box = this.template.content.firstElementChild.cloneNode(true);
    const find = (selector) => box.querySelector(selector);
    const audio = new Audio(plain(facts.sound));
    audio.preload = "auto";
    const take = { box, audio, job, clip, start, kept: false, number: facts.take, duration: 0, raf: 0, gain: 0 };
    find("h2").textContent = `Take ${(this.count += 1)}: seed ${facts.seed}`;
    find(".facts").textContent = prompt ? `“${prompt}”` : "by the picture alone";
    find(".wav").href = `${facts.sound}?download=true`;
    find(".wav").setAttribute("aria-label", `Download take with seed ${facts.seed} as WAV`);
    find(".mp4").hidden = !facts.video;
    find(".mp4").href = facts.video ? `${facts.video}?download=true` : "";
    find(".mp4").setAttribute("aria-label", `Download the video with the take of seed ${facts.seed}`);
    find(".play").onclick = () => (this.playing === take ? this.pause() : this.play(take));
    find(".keep").onclick = () => this.keep(take);
    find(".delete").onclick = () => this.remove(take);
    find(".seed").textContent = `Copy seed ${facts.seed}`;
    find(".seed").onclick = (event) => copy(event.currentTarget, String(facts.seed));
    find(".seek input").oninput = (event) => this.seek(take, event.target.value / 1000);
    const slider = find(".gain input");
    find(".gain .hidden").textContent = ` of the take with seed ${facts.seed}`;
    slider.oninput = () => this.turn(take, Number(slider.value));
    slider.onchange = () => this.save(take);
    slider.value = facts.gain;
    this.tell(take, facts.gain);
    for (const link of [find(".wav"), find(".mp4")]) link.onclick = (event) => this.afterSaving(take, event);
    find(".seek span").textContent = `Position in take with seed ${facts.seed}`;
    audio.onended = () => this.pause();
    this.takes.unshift(take);
    this.list.prepend(box);
    this.changed(this.takes.length);
    this.draw(take, facts);
  }

  async draw(take, facts) {
    const wave = take.box.querySelector(".wave"), mel = take.box.querySelector(".mel");
    wave.setAttribute("aria-label", `Waveform of the take with seed ${facts.seed}`);
    mel.setAttribute("aria-label", `Spectrogram of the take with seed ${facts.seed}`);
    try {
      take.heard = take.heard || (await listen(plain(facts.sound)));
      take.duration = take.heard.seconds;
      drawWave(wave, take.heard.samples);
      drawMel(mel, take.heard.samples, take.heard.rate);
      await this.film(take);
      take.redraw = () => this.draw(take, facts);
    } catch (error) {
      take.box.querySelector(".error").textContent = `This take cannot be drawn: ${error.message}`;
    }
  }

  /** Louder or softer at once; never beyond full scale, which is how the server writes it too. */
  turn(take, decibels) {
    this.tell(take, decibels);
    if (!take.amplifier && decibels === 0) return;
    if (!take.amplifier) {
      room = room || new AudioContext();
      take.amplifier = room.createGain();
      room.createMediaElementSource(take.audio).connect(take.amplifier).connect(room.destination);
    }
    room.resume();
    const most = take.heard ? Math.max(1, 1 / take.heard.peak) : 1;
    take.amplifier.gain.value = Math.min(10 ** (decibels / 20), most);
  }

  /** What the slider says, for eyes and ears. */
  tell(take, decibels) {
    take.gain = decibels;
    const words = `${decibels > 0 ? "+" : ""}${decibels} dB`;
    take.box.querySelector(".gain .db").textContent = words;
    take.box.querySelector(".gain input").setAttribute("aria-valuetext", words);
  }

  /** The server keeps the gain with the take; one request after the other, the last one counts. */
  save(take) {
    const gain = take.gain, place = take.box.querySelector(".error");
    take.saving = (take.saving || Promise.resolve()).then(async () => {
      if (gain !== take.gain) return; // moved on meanwhile
      const body = new URLSearchParams({ gain });
      const address = `/api/jobs/${take.job}/takes/${take.number}`;
      const answer = await fetch(address, { method: "PUT", body }).catch(() => null);
      if (answer && answer.ok) place.textContent = "";
      else place.textContent = `The gain is not kept: ${answer ? (await answer.json()).error : "the studio does not answer"}`;
    });
    const mine = take.saving;
    mine.then(() => { if (take.saving === mine) take.saving = null; });
  }

  /** A download that is pressed while a gain is being saved waits for it. */
  async afterSaving(take, event) {
    if (!take.saving) return;
    const link = event.currentTarget;
    event.preventDefault();
    await take.saving;
    link.click();
  }

  /** The take's part of the film strip, above its waveform and as wide; nothing where the clip is gone. */
  async film(take) {
    const box = take.box.querySelector(".film"), strip = box.firstElementChild;
    if (!take.clip || strip.src) return;
    const answer = await fetch(`/api/clips/${take.clip}`);
    const seconds = answer.ok ? (await answer.json()).seconds : null;
    if (!seconds || !take.duration) return;
    strip.style.width = `${(100 * seconds) / take.duration}%`;
    strip.style.marginLeft = `${(-100 * take.start) / take.duration}%`;
    strip.src = `/api/clips/${take.clip}/strip.png`;
    box.hidden = false;
  }

  /** Draw again, after a change of size or colours. */
  redraw() {
    for (const take of this.takes) if (take.redraw) take.redraw();
  }

  /** Play a take from where the last one was: A/B at the same moment. */
  play(take) {
    const same = this.playing && this.playing.clip === take.clip && this.playing.start === take.start;
    const from = same ? this.playing.audio.currentTime : take.audio.currentTime;
    this.pause();
    this.stopOriginal();
    this.turn(take, take.gain);
    this.playing = take;
    if (from < (take.duration || Infinity) - 0.05) take.audio.currentTime = from;
    take.box.classList.add("playing");
    press(take.box.querySelector(".play"), true, "Pause");
    if (this.shows(take)) {
      this.picture.muted = true;
      this.picture.currentTime = take.start + take.audio.currentTime;
      this.picture.play().catch(() => {});
    }
    take.audio.play().catch((error) => {
      take.box.querySelector(".error").textContent = `The browser does not play it: ${error.message}`;
      this.pause();
    });
    this.follow(take);
  }

  /** Stop the playing take where it is. */
  pause() {
    const take = this.playing;
    if (!take) return;
    this.playing = null;
    cancelAnimationFrame(take.raf);
    take.audio.pause();
    this.picture.pause();
    take.box.classList.remove("playing");
    press(take.box.querySelector(".play"), false, "Play");
  }

  /** The picture shown belongs to this take and can be played. */
  shows(take) {
    return take.clip !== null && take.clip === this.picture.dataset.clip && this.picture.readyState > 0;
  }

  /** Sound leads; a picture that drifts is put right; the cursors follow. */
  follow(take) {
    const now = take.audio.currentTime, whole = take.duration || take.audio.duration || 1;
    if (this.shows(take) && !this.picture.seeking) {
      const wanted = take.start + now;
      if (Math.abs(this.picture.currentTime - wanted) > DRIFT_SECONDS) this.picture.currentTime = wanted;
    }
    this.point(take, now / whole, take.start + now);
    if (this.playing === take) take.raf = requestAnimationFrame(() => this.follow(take));
  }

  point(take, share, second) {
    const mark = take.box.querySelector(".cursor");
    mark.hidden = false;
    mark.style.left = `${100 * Math.min(1, share)}%`;
    take.box.querySelector(".seek input").value = Math.round(1000 * share);
    const whole = Number(this.picture.dataset.seconds || 0);
    this.cursor.hidden = !(whole && take.clip === this.picture.dataset.clip);
    this.cursor.style.left = `${100 * Math.min(1, second / (whole || 1))}%`;
  }

  seek(take, share) {
    take.audio.currentTime = share * (take.duration || take.audio.duration || 0);
    if (this.shows(take)) this.picture.currentTime = take.start + take.audio.currentTime;
    this.point(take, share, take.start + take.audio.currentTime);
  }

  /** The clip's own sound alone, or silence again. */
  toggleOriginal(button) {
    const on = this.original === null;
    this.pause();
    if (!on) return this.stopOriginal();
    this.original = button;
    this.picture.muted = false;
    press(button, true, "Stop the original sound");
    this.picture.onended = () => this.stopOriginal();
    this.picture.play().catch(() => this.stopOriginal());
  }

  stopOriginal() {
    if (!this.original) return;
    press(this.original, false, "Play the original sound");
    this.original = null;
    this.picture.pause();
    this.picture.muted = true;
  }

  keep(take) {
    take.kept = !take.kept;
    press(take.box.querySelector(".keep"), take.kept, take.kept ? "Kept" : "Keep");
  }

  async remove(take) {
    if (this.playing === take) this.pause();
    const answer = await fetch(`/api/jobs/${take.job}/takes/${take.number}`, { method: "DELETE" });
    if (!answer.ok && answer.status !== 404) {
      take.box.querySelector(".error").textContent = (await answer.json()).error;
      return;
    }
    const at = this.takes.indexOf(take);
    this.takes.splice(at, 1);
    take.box.remove();
    take.audio.removeAttribute("src");
    this.changed(this.takes.length);
    const next = this.takes[Math.min(at, this.takes.length - 1)];
    (next ? next.box.querySelector(".delete") : this.list.parentElement).focus();
  }

  /** Delete every take that is not kept. */
  async tidy() {
    for (const take of this.takes.filter((one) => !one.kept)) await this.remove(take);
  }
}

/** A take as it was made: the page adds the gain itself. */
const plain = (address) => `${address}?plain=true`;

function press(button, on, words) {
  button.setAttribute("aria-pressed", String(on));
  button.textContent = words;
}

async function copy(button, text) {
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = `Copied ${text}`;
  } catch {
    window.getSelection().selectAllChildren(button); // no clipboard here: select it for copying by hand
  }
  setTimeout(() => { button.textContent = words; }, 1500);
}
