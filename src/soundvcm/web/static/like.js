// A recording to go by ("like this"): chosen or dropped, sent, named, taken away again.
// Knows the address of sounds and its place in the form; the id goes with the job.

import { upload } from "./api.js";

const at = (id) => document.getElementById(id);

export class Like {
  /** @param complain called with (message, field) */
  constructor(complain) {
    Object.assign(this, { complain, id: null, going: null });
    this.hint = at("like-note").textContent;
    at("like").onchange = (event) => event.target.files[0] && this.send(event.target.files[0]);
    at("like-clear").onclick = () => {
      this.clear();
      at("like").focus();
    };
    const place = at("sound-drop");
    for (const name of ["dragenter", "dragover"]) place.addEventListener(name, () => place.classList.add("over"));
    place.addEventListener("dragleave", () => place.classList.remove("over"));
    place.addEventListener("drop", (event) => {
      place.classList.remove("over");
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      event.stopPropagation(); // the rest of the page takes clips
      for (const box of document.querySelectorAll(".over")) box.classList.remove("over");
      this.send(event.dataTransfer.files[0]);
    });
  }

  /** Whether a dropped file is a sound: it goes here wherever on the page it falls. */
  wants(file) {
    return !at("by").hidden && (file.type.startsWith("audio/") || /\.(wav|flac|mp3|ogg|opus|m4a|aiff?)$/i.test(file.name));
  }

  async send(file) {
    this.clear();
    at("by").open = true;
    const body = new FormData();
    body.append("like", file);
    at("like-note").textContent = `${file.name}: sending`;
    const going = upload("/api/sounds", body, () => {});
    this.going = going;
    try {
      const found = await going.answer;
      if (this.going === going) this.show(found.id, file.name, found.seconds);
    } catch (error) {
      if (this.going !== going) return;
      this.clear();
      if (error.message) this.complain(`${file.name}: ${error.message}`, error.field || "like");
    } finally {
      if (this.going === going) this.going = null;
    }
  }

  /** What is gone by; of a job that is asked again, `seconds` is not known. */
  show(id, name, seconds) {
    this.id = id;
    at("like-note").textContent = `like ${name}${seconds ? `, ${seconds.toFixed(1)} s` : ""}`;
    at("like-clear").hidden = false;
    if (id) at("by").open = true;
  }

  clear() {
    if (this.going) this.going.abort();
    this.id = this.going = null;
    at("like").value = "";
    at("like-error").textContent = "";
    at("like-note").textContent = this.hint;
    at("like-clear").hidden = true;
  }

  /** The id for a job, once it is there. */
  async value() {
    if (this.going) await this.going.answer.catch(() => {});
    return this.id || "";
  }
}
