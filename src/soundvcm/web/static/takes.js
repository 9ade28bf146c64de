// The takes: drawn, heard on the stage, kept, deleted and brought back, downloaded, asked for again.
// Knows the addresses of takes; nothing of the form.

import { ask } from "./api.js";
import { drawMel, drawWave } from "./draw.js";
import { say } from "./said.js";
import { amplify, copy, listen, load } from "./sounds.js";

/** A take as it was made: the page adds the gain itself. */
const plain = (address) => `${address}?plain=true`;

export class Takes {
  /**
   * @param stage where they are heard
   * @param again called with (job, take) to ask for another
   * @param changed called with the takes after each change
   */
  constructor(stage, again, changed) {
    Object.assign(this, { stage, again, changed });
    this.list = document.getElementById("list");
    this.template = document.getElementById("take");
    this.takes = [];
    this.level = 1e-9; // the largest sample of all: waveforms are drawn on one scale
    this.trash = [];
    stage.onchange = () => this.mark();
  }

  /** Put a finished take in front. `job` is the job it came from, `clip` the facts of its clip or null. */
  add(facts, job, clip) {
    const box = this.template.content.firstElementChild.cloneNode(true);
    const find = (selector) => box.querySelector(selector);
    const audio = new Audio();
    audio.preload = "auto";
    const loaded = load(plain(facts.sound)).then((file) => {
      audio.src = URL.createObjectURL(file);
      return file;
    });
    const start = job.clip ? Number(job.asked.start) || 0 : 0;
    const title = job.prompt ? job.prompt : "by the picture alone";
    const take = {
      box, audio, loaded, job, start, title, facts: clip, clip: job.clip, id: `${job.id}/${facts.take}`, made: facts.made,
      told: { ...facts }, seed: facts.seed, kept: facts.kept, address: `/api/jobs/${job.id}/takes/${facts.take}`, duration: 0, gain: 0,
      ready: () => this.turn(take, take.gain), point: (share) => this.point(take, share),
      complain: (words) => { find(":scope > .error").textContent = words; },
    };
    find("h3").textContent = title;
    find(".wav").href = `${facts.sound}?download=true`;
    find(".wav").setAttribute("aria-label", `Download take with seed ${facts.seed} as WAV`);
    find(".mp4").hidden = !facts.video;
    find(".mp4").href = facts.video ? `${facts.video}?download=true` : "";
    find(".mp4").setAttribute("aria-label", `Download the video with the take of seed ${facts.seed}`);
    find(".play").setAttribute("aria-label", `Play the take with seed ${facts.seed}`);
    find(".play").onclick = () => this.press(take);
    find(".keep").onclick = () => this.keep(take, !take.kept);
    find(".again").onclick = () => this.again(job, facts);
    find(".delete").onclick = () => this.remove([take]);
    find(".delete").setAttribute("aria-label", `Delete the take with seed ${facts.seed}`);
    find(".seed").textContent = `Copy seed`;
    find(".seed").onclick = (event) => copy(event.currentTarget, String(facts.seed));
    find(".seek input").oninput = (event) => this.seek(take, event.target.value / 1000);
    find(".seek span").textContent = `Position in take with seed ${facts.seed}`;
    find(".track").onclick = (event) => {
      const edge = find(".track").getBoundingClientRect();
      this.seek(take, (event.clientX - edge.left) / edge.width);
    };
    const slider = find(".gain input");
    find(".gain .hidden").textContent = ` of the take with seed ${facts.seed}`;
    slider.oninput = () => this.turn(take, Number(slider.value));
    slider.onchange = () => this.save(take);
    slider.value = facts.gain;
    this.tell(take, facts.gain);
    for (const link of [find(".wav"), find(".mp4")]) link.onclick = (event) => this.afterSaving(take, event);
    this.showKept(take);
    say(box, take.told);
    const after = this.takes.findIndex((one) => one.made <= take.made);
    const place = after < 0 ? this.takes.length : after;
    this.list.insertBefore(box, this.takes[place] ? this.takes[place].box : null);
    this.takes.splice(place, 0, take);
    this.changed(this.takes);
    this.draw(take);
    return take;
  }

  /** The take of a job by its number, if it is here. */
  find(job, number) {
    return this.takes.find((take) => take.id === `${job}/${number}`);
  }

  /** What was found out by listening to it. */
  judge(take, heard) {
    Object.assign(take.told, heard);
    say(take.box, take.told);
  }

  async draw(take) {
    const wave = take.box.querySelector(".wave"), mel = take.box.querySelector(".mel");
    wave.setAttribute("aria-label", `Waveform of the take with seed ${take.seed}`);
    mel.setAttribute("aria-label", `Spectrogram of the take with seed ${take.seed}`);
    try {
      take.heard = take.heard || (await listen(await take.loaded));
      take.duration = take.heard.seconds;
      if (take.heard.peak > this.level) {
        this.level = take.heard.peak;
        for (const one of this.takes) if (one !== take && one.drawn) this.wave(one);
      }
      this.wave(take);
      drawMel(mel, take.heard.samples, take.heard.rate);
      this.film(take);
      take.drawn = true;
      this.stage.show();
    } catch (error) {
      take.complain(`This take cannot be drawn: ${error.message}`);
    }
  }

  wave(take) {
    drawWave(take.box.querySelector(".wave"), take.heard.samples, this.level);
  }

  /** Draw again, after a change of size or colours. */
  redraw() {
    for (const take of this.takes) if (take.drawn) this.draw(take);
  }

  /** The take's part of the film strip, above its waveform and as wide; nothing where the clip is gone. */
  film(take) {
    const box = take.box.querySelector(".film"), strip = box.firstElementChild;
    const seconds = take.facts && take.facts.seconds;
    if (!seconds || !take.duration || strip.src) return;
    strip.style.width = `${(100 * seconds) / take.duration}%`;
    strip.style.marginLeft = `${(-100 * take.start) / take.duration}%`;
    strip.src = `/api/clips/${take.clip}/strip.png`;
    box.hidden = false;
  }

  // -- hearing

  press(take) {
    if (this.stage.take === take && this.stage.playing) this.stage.pause();
    else this.stage.hear(take, true);
  }

  seek(take, share) {
    if (this.stage.take !== take) this.stage.hear(take, this.stage.playing);
    this.stage.seek(take.start + share * (take.duration || take.audio.duration || 0));
  }

  /** Which take is on the stage, and whether it plays. */
  mark() {
    for (const take of this.takes) {
      const mine = this.stage.take === take, on = mine && this.stage.playing, button = take.box.querySelector(".play");
      take.box.classList.toggle("active", mine);
      take.box.classList.toggle("playing", on);
      button.classList.toggle("on", on);
      button.setAttribute("aria-pressed", String(on));
    }
  }

  point(take, share) {
    const mark = take.box.querySelector(".cursor");
    mark.hidden = false;
    mark.style.left = `${100 * Math.min(1, Math.max(0, share))}%`;
    take.box.querySelector(".seek input").value = Math.round(1000 * share);
  }

  // -- gain

  /** Louder or softer at once; never beyond full scale, which is how the server writes it too. */
  turn(take, decibels) {
    this.tell(take, decibels);
    amplify(take, decibels);
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
    const gain = take.gain;
    take.saving = (take.saving || Promise.resolve()).then(async () => {
      if (gain !== take.gain) return; // moved on meanwhile
      try {
        await ask(take.address, { method: "PUT", body: new URLSearchParams({ gain }) });
        take.complain("");
      } catch (error) {
        take.complain(`The gain is not kept: ${error.message}`);
      }
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

  // -- keeping and deleting

  async keep(take, kept) {
    try {
      await ask(take.address, { method: "PUT", body: new URLSearchParams({ kept }) });
      take.kept = kept;
      take.complain("");
    } catch (error) {
      take.complain(`It is not kept: ${error.message}`);
    }
    this.showKept(take);
    this.changed(this.takes);
  }

  showKept(take) {
    const button = take.box.querySelector(".keep");
    button.setAttribute("aria-pressed", String(take.kept));
    button.querySelector("span").textContent = take.kept ? "Kept" : "Keep";
  }

  /** Delete takes; for some minutes they can be brought back. */
  async remove(takes) {
    const gone = [];
    const at = this.takes.indexOf(takes[0]);
    for (const take of takes) {
      if (this.stage.take === take) this.stage.hear(null, false);
      try {
        await ask(`${take.address}?undo=true`, { method: "DELETE" });
      } catch (error) {
        if (error.status !== 404) {
          take.complain(error.message);
          continue;
        }
      }
      this.takes.splice(this.takes.indexOf(take), 1);
      this.drop(take);
      gone.push(take);
    }
    if (gone.length) this.trash = gone;
    this.changed(this.takes);
    const next = this.takes[Math.min(at, this.takes.length - 1)];
    (next ? next.box.querySelector(".delete") : this.list.parentElement).focus();
  }

  drop(take) {
    take.box.remove();
    URL.revokeObjectURL(take.audio.src);
  }

  /** Bring back what was deleted last; returns how many came. */
  async undo() {
    const back = this.trash;
    this.trash = [];
    let count = 0;
    for (const take of back) {
      try {
        const facts = await ask(`${take.address}/restore`, { method: "POST" });
        this.add(facts, take.job, take.facts);
        count += 1;
      } catch { /* it is too late for this one */ }
    }
    this.changed(this.takes);
    return count;
  }

  /** All that are not kept. */
  get unkept() {
    return this.takes.filter((take) => !take.kept);
  }

  /** Another project: these go from the page, not from the studio. */
  clear() {
    if (this.stage.take) this.stage.hear(null, false);
    for (const take of this.takes) this.drop(take);
    this.takes = [];
    this.trash = [];
    this.level = 1e-9;
    this.changed(this.takes);
  }
}
