// The player: one picture, and the sound of one take (or the clip's own), together; clock, loop, strip, keys.
// Knows media elements and the time line; nothing of jobs or of how takes are drawn.

import { drawMotion } from "./draw.js";
import { draggable } from "./range.js";

const DRIFT_SECONDS = 0.08;
const at = (id) => document.getElementById(id);

/** 83.25 => "1:23.3" */
export const clock = (seconds) => {
  const tenths = Math.max(0, Math.round(seconds * 10));
  return `${Math.floor(tenths / 600)}:${String(Math.floor((tenths % 600) / 10)).padStart(2, "0")}.${tenths % 10}`;
};

/** Go to a second of a take's sound; one whose length is not known yet cannot in every browser, and goes there later. */
function place(take, second) {
  if (take.audio.readyState > 0) {
    take.audio.currentTime = second;
    return;
  }
  if (take.wanted === undefined) {
    take.audio.addEventListener("loadedmetadata", () => {
      take.audio.currentTime = take.wanted;
      delete take.wanted;
    }, { once: true });
  }
  take.wanted = second;
}

export class Stage {
  /** @param told called with (start, end) of a chosen part, or (null, null) for the whole clip */
  constructor(told) {
    Object.assign(this, { told, clip: null, take: null, playing: false, looping: false, part: null, url: null });
    this.picture = at("picture");
    this.onchange = () => {}; // what is heard changed: the takes mark it
    at("play").onclick = () => this.toggle();
    at("loop").onclick = () => {
      this.looping = !this.looping;
      at("loop").setAttribute("aria-pressed", String(this.looping));
    };
    at("original").onclick = () => this.hear(null, true);
    at("position").oninput = (event) => this.seek(this.from + (event.target.value / 1000) * this.length);
    at("whole").onclick = () => this.choose(null, null);
    this.picture.onended = () => !this.take && this.ended();
    this.picture.onloadedmetadata = () => this.show();
    draggable(this, at("timeline"));
  }

  // -- what is on it

  /** A file that was just chosen: seen at once, from the browser's own copy. */
  preview(file) {
    this.clear();
    this.source(URL.createObjectURL(file), file.type.startsWith("image/"));
    at("stage").hidden = false;
  }

  /** The facts of a clip the studio holds; its picture, unless it is there already. */
  open(clip, keep = false) {
    if (this.clip && this.clip.id === clip.id) return;
    if (!keep) {
      this.pause();
      this.choose(null, null, true);
      this.source(clip.video, clip.still || clip.codec === "gif");
    }
    this.clip = clip;
    this.picture.dataset.clip = clip.id;
    at("strip").src = `/api/clips/${clip.id}/strip.png`;
    at("strip").hidden = false;
    at("motion").hidden = clip.still;
    at("motion").setAttribute("aria-label", `Movement in the picture over ${clip.seconds ?? 0} seconds`);
    at("stage").hidden = false;
    this.redraw();
    this.show();
  }

  source(address, still) {
    if (this.url && this.url.startsWith("blob:")) URL.revokeObjectURL(this.url);
    this.url = address;
    at("no-preview").hidden = at("no-picture").hidden = true;
    at("still").hidden = !still;
    this.picture.hidden = still;
    this.picture.onerror = () => {
      if (!this.picture.getAttribute("src")) return;
      this.picture.hidden = true;
      at("no-preview").hidden = false;
    };
    if (still) {
      this.picture.removeAttribute("src");
      at("still").src = address;
    } else this.picture.src = address;
  }

  /** Nothing is on it any more. */
  clear() {
    this.pause();
    this.clip = null;
    if (this.url && this.url.startsWith("blob:")) URL.revokeObjectURL(this.url);
    this.url = null;
    this.picture.removeAttribute("src");
    delete this.picture.dataset.clip;
    at("strip").removeAttribute("src");
    at("strip").hidden = at("still").hidden = at("motion").hidden = true;
    at("no-preview").hidden = true;
    this.choose(null, null, true);
    if (this.take && this.take.clip) this.take = null;
    at("stage").hidden = !this.take;
    this.onchange();
    this.show();
  }

  /** Choose what is heard: a take, or null for the clip's own sound; goes on at the same moment. */
  hear(take, play = this.playing) {
    const moment = this.time, same = take === this.take;
    const together = !take || !this.take || take.clip === this.take.clip;
    if (!same) {
      this.pause();
      this.before = this.take;
      this.take = take;
    }
    if (take && !take.clip) {
      this.picture.hidden = at("still").hidden = at("strip").hidden = at("motion").hidden = true;
      at("no-preview").hidden = true;
      at("no-picture").hidden = false;
    } else if (take && !this.shows(take) && take.facts) {
      this.open(take.facts);
    } else if (take && this.clip) this.reveal();
    at("stage").hidden = !(this.clip || this.take || this.url);
    if (!same && together) this.seek(this.over(moment) ? this.from : moment);
    this.onchange();
    if (play) this.play();
    this.show();
  }

  /** The picture and the strip again, after a take without a picture was heard. */
  reveal() {
    at("no-picture").hidden = true;
    const still = this.clip.still || this.clip.codec === "gif";
    at("still").hidden = !still;
    this.picture.hidden = still || !at("no-preview").hidden || this.picture.error !== null;
    at("strip").hidden = false;
    at("motion").hidden = this.clip.still;
  }

  /** Whether the picture on the stage is that of a take. */
  shows(take) {
    return Boolean(take.clip && this.clip && take.clip === this.clip.id);
  }

  // -- time: seconds of the clip; a take begins at its `start`

  get from() {
    return this.take ? this.take.start : 0;
  }

  get length() {
    if (this.take) return this.take.duration || this.take.audio.duration || 0;
    return (this.clip && this.clip.seconds) || this.picture.duration || 0;
  }

  get end() {
    return this.from + this.length;
  }

  /** Whether a second is at the end; a take whose length is not known yet has none. */
  over(second) {
    return this.length > 0 && second >= this.end - 0.05;
  }

  get time() {
    return this.take ? this.take.start + (this.take.wanted ?? this.take.audio.currentTime) : this.picture.currentTime || 0;
  }

  /** Go to a second of the clip, within what is heard. */
  seek(second) {
    const moment = Math.min(Math.max(second, this.from), this.end || second);
    if (this.take) place(this.take, moment - this.take.start);
    if (this.picture.readyState > 0) this.picture.currentTime = moment;
    this.show(moment);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (!this.take && !this.clip && !this.url) return;
    if (this.over(this.time)) this.seek(this.from);
    this.playing = true;
    const take = this.take;
    const refused = (error) => {
      // A pause that comes before the browser has begun is no refusal: somebody chose another take, or none.
      if (error.name === "AbortError" || !this.playing || this.take !== take) return;
      if (take) take.complain(`The browser does not play it: ${error.message}`);
      this.pause();
    };
    if (take) {
      take.ready();
      this.picture.muted = true;
      take.audio.onended = () => this.ended();
      take.loaded.then(() => this.playing && this.take === take && take.audio.play()).catch(refused);
    } else {
      this.picture.muted = false;
      this.picture.play().catch(refused);
    }
    this.onchange();
    this.tick();
  }

  pause() {
    this.playing = false;
    cancelAnimationFrame(this.frame);
    if (this.take) this.take.audio.pause();
    this.picture.pause();
    this.picture.muted = true;
    this.onchange();
    this.show();
  }

  ended() {
    if (!this.playing) return; // the end was reached by hand
    if (!this.looping) return this.pause();
    this.seek(this.from);
    this.play();
  }

  /** Sound leads; a picture that drifts is put right; the cursors follow. */
  tick() {
    if (!this.playing) return;
    const picture = this.picture;
    if (this.take && this.shows(this.take) && picture.readyState > 0 && !picture.hidden && !picture.seeking) {
      if (Math.abs(picture.currentTime - this.time) > DRIFT_SECONDS) picture.currentTime = this.time;
      // It may have come after the sound had begun.
      if (picture.paused && !picture.ended) picture.play().catch(() => {});
    }
    this.show();
    this.frame = requestAnimationFrame(() => this.tick());
  }

  show(moment = this.time) {
    const whole = (this.clip && this.clip.seconds) || this.length || 1;
    const button = at("play");
    button.classList.toggle("on", this.playing);
    button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    at("clock").textContent = `${clock(moment - this.from)} / ${clock(this.length)}`;
    at("heard").textContent = this.take ? this.take.title : this.clip && this.clip.has_sound ? "the clip's own sound" : "";
    at("original").hidden = !(this.clip && this.clip.has_sound);
    at("original").setAttribute("aria-pressed", String(!this.take && Boolean(this.clip)));
    at("position").value = Math.round((1000 * (moment - this.from)) / (this.length || 1));
    at("position").setAttribute("aria-valuetext", `${(moment - this.from).toFixed(1)} seconds`);
    const mark = at("cursor");
    mark.hidden = !this.clip || (this.take && !this.take.clip);
    mark.style.left = `${100 * Math.min(1, moment / whole)}%`;
    if (this.take) this.take.point((moment - this.from) / (this.length || 1));
  }

  redraw() {
    if (this.clip && !this.clip.still) drawMotion(at("motion"), this.clip.motion);
  }

  // -- a part of the clip

  /** Mark a part; told to the form unless it came from there. */
  choose(start, end, quietly = false) {
    this.part = start === null ? null : [start, end];
    const whole = (this.clip && this.clip.seconds) || 1, box = at("range");
    box.hidden = at("whole").hidden = this.part === null;
    at("range-note").textContent = this.part
      ? `Sound for ${start.toFixed(2)}\u2009\u2013\u2009${end.toFixed(2)} s`
      : "Click to go there, drag to choose a part.";
    if (this.part) {
      box.style.left = `${(100 * start) / whole}%`;
      box.style.width = `${(100 * (end - start)) / whole}%`;
    }
    if (!quietly) this.told(start, end);
  }
}
