// Projects: which one is open, its name and notes, and its kept takes as files.
// Knows the addresses of projects; what is shown of one is the page's business.

import { ask } from "./api.js";

const OPEN = "soundvcm-project"; // where this browser remembers which project was open
const at = (id) => document.getElementById(id);

function remembered() {
  try {
    return localStorage.getItem(OPEN);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function remember(id) {
  try {
    if (id) localStorage.setItem(OPEN, id);
    else localStorage.removeItem(OPEN);
  } catch { /* the page works without it */ }
}

export class Projects {
  /** @param opened called with a whole project, or null for a new one */
  constructor(opened) {
    Object.assign(this, { opened, current: null, all: [] });
    at("project").onchange = (event) => this.open(event.target.value || null);
    at("new-project").onclick = () => this.open(null);
    at("project-name").onchange = () => this.change({ name: at("project-name").value });
    at("project-notes").onchange = () => this.change({ notes: at("project-notes").value });
    at("remove-project").onclick = () => this.remove();
    this.confirm = async () => true;
  }

  /** The project that was open last, or none. */
  async begin() {
    this.all = await ask("/api/projects");
    const last = remembered();
    await this.open(this.all.some((one) => one.id === last) ? last : null);
  }

  async open(id) {
    at("project-error").textContent = "";
    const whole = id ? await ask(`/api/projects/${id}`).catch(() => null) : null;
    this.current = whole;
    remember(whole && whole.id);
    this.show();
    this.opened(whole);
  }

  /** The id that a new job joins; the first one makes the project. */
  async id(name) {
    if (!this.current) {
      const first = [...name].slice(0, 60).join("").trim() || "Untitled";
      this.current = await ask("/api/projects", { method: "POST", body: new URLSearchParams({ name: first }) });
      this.all.unshift(this.current);
      remember(this.current.id);
      this.show();
    }
    return this.current.id;
  }

  async change(fields) {
    try {
      await this.id(fields.name || "Untitled");
      const now = await ask(`/api/projects/${this.current.id}`, { method: "PATCH", body: new URLSearchParams(fields) });
      Object.assign(this.current, now);
      this.all = this.all.map((one) => (one.id === now.id ? now : one));
      at("project-error").textContent = "";
      this.show();
    } catch (error) {
      at("project-error").textContent = error.message;
    }
  }

  async remove() {
    if (!this.current || !(await this.confirm(`Delete the project \u201c${this.current.name}\u201d with all its takes? This cannot be undone.`))) return;
    try {
      await ask(`/api/projects/${this.current.id}`, { method: "DELETE" });
      this.all = this.all.filter((one) => one.id !== this.current.id);
      at("project-more").open = false;
      await this.open(null);
    } catch (error) {
      at("project-error").textContent = error.message;
    }
  }

  show() {
    const none = new Option(this.current ? "New project" : "New project", "");
    at("project").replaceChildren(none, ...this.all.map((one) => new Option(one.name, one.id)));
    at("project").value = this.current ? this.current.id : "";
    // An answer about one field does not take away what is being typed into the other.
    for (const field of ["name", "notes"]) {
      const place = at(`project-${field}`);
      if (place !== document.activeElement || !this.current) place.value = this.current ? this.current[field] : "";
    }
    at("remove-project").hidden = at("project-more").hidden = !this.current;
    at("new-project").hidden = !this.current;
    for (const form of ["zip", "mp4"]) {
      at(`export-${form}`).href = this.current ? `/api/projects/${this.current.id}/export?form=${form}` : "";
    }
  }
}
