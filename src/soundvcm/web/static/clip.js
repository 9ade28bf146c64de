// The clip of the form: chosen, dropped or an example; sent with its share, looked at, shown on the stage, taken away.
// Knows the address of clips and its place in the form; nothing of jobs.

import { upload } from "./api.js";
import { complain, forgive } from "./form.js";

const at = (id) => document.getElementById(id);

/** "48 x 32, h264, 4.00 s" */
const facts = (clip) => `${clip.width} x ${clip.height}, ${clip.codec}, ` +
  (clip.still ? "a still picture: enter the seconds" : `${clip.seconds.toFixed(2)} s`);

export class Clip {
  /** @param shown called with the facts of a clip that is there now, or null */
  constructor(stage, shown) {
    Object.assign(this, { stage, shown, facts: null, looking: null, limit: Infinity });
    at("video").onchange = (event) => this.choose(event.target.files[0]);
    at("clear").onclick = () => {
      at("video").value = "";
      this.choose(null);
      at("video").focus();
    };
  }

  async choose(file) {
    forgive();
    this.forget();
    if (!file) return;
    if (file.size > this.limit) {
      complain(`${file.name} is larger than the ${Math.floor(this.limit / 2 ** 20)} MiB taken here.`, "video");
      at("video").value = "";
      return;
    }
    this.stage.preview(file);
    const body = new FormData();
    body.append("video", file);
    await this.send(file.name, body, true);
  }

  /** An example clip: it is on the studio's machine already. */
  async example(one) {
    forgive();
    this.forget();
    if (!at("prompt").value.trim()) at("prompt").value = one.prompt;
    const body = new FormData();
    body.append("example", one.name);
    await this.send(one.title, body, false);
  }

  async send(name, body, seen) {
    this.taken(`${name}: sending`);
    at("uploading").hidden = false;
    const going = upload("/api/clips", body, (share) => {
      at("uploading").value = share;
      at("video-note").textContent = share < 1 ? `${name}: ${Math.round(100 * share)} % sent` : `${name}: looking at it`;
    });
    this.looking = going;
    try {
      const found = await going.answer;
      if (this.looking !== going) return;
      this.facts = found;
      this.stage.open(found, seen);
      this.shown(found);
      const remarks = found.warnings.length ? `; ${found.warnings.join("; ")}` : "";
      at("video-note").textContent = `${name}: ${facts(found)}${remarks}`;
    } catch (error) {
      if (this.looking !== going) return;
      this.forget();
      at("video").value = ""; // the name of a refused file would look as if it were taken
      complain(error.message ? `${name}: ${error.message}` : "", error.field || "video");
    } finally {
      if (this.looking === going) this.looking = null;
      at("uploading").hidden = true;
    }
  }

  /** A clip that the studio holds already, as of a project that is opened. */
  hold(found) {
    this.facts = found;
    this.stage.open(found);
    this.shown(found);
    this.taken(`${found.name}: ${facts(found)}`);
  }

  taken(note) {
    at("drop").classList.add("has");
    at("clear").hidden = false;
    at("video-note").textContent = note;
  }

  forget() {
    const going = this.looking;
    this.facts = this.looking = null;
    if (going) going.abort();
    this.stage.clear();
    this.shown(null);
    at("clear").hidden = true;
    at("drop").classList.remove("has");
    at("video-note").textContent = "";
    at("uploading").hidden = true;
  }

  /** The id for a job, once it is looked at; "" for none. */
  async value() {
    if (this.looking) await this.looking.answer.catch(() => {});
    return this.facts ? this.facts.id : "";
  }
}
