// The page: a clip is chosen and looked at, the form is sent, events are followed, takes are added.
// Defaults and limits come from the server's one table. Knows the HTTP service; nothing of drawing or playing.

import { drawMotion } from "./draw.js";
import { Takes } from "./takes.js";

const at = (id) => document.getElementById(id);
const form = at("form"), picture = at("picture"), run = at("run");
const PHASES = {
  decode: "reading the pictures", encode: "looking at the pictures", text: "reading the words",
  network: "making the sound", codec: "decoding the sound", write: "writing", mux: "joining picture and sound",
  film: "going through the film", watch: "looking at the film",
};
// Shares of a take's time, roughly; phases that are done count whole.
const ORDER = ["decode", "encode", "text", "network", "codec", "write", "mux"];
const JOBS = "soundvcm-jobs"; // where this browser remembers which jobs were its own
const CONTROL = { takes: "takes-wanted" }; // the id of a field's control, where it is not the field's name

let clip = null, job = null, looking = null, limits = null, events = null;
const takes = new Takes(at("list"), at("take"), picture, document.querySelector("#seen .cursor"), (count) => {
  at("none-yet").hidden = count > 0;
  at("tidy").hidden = count < 2;
});

/** A refusal beside its field, in the words of the server. */
function complain(message, field) {
  const control = at(CONTROL[field] || field || "");
  const place = (field && at(`${field}-error`)) || at("form-error");
  place.textContent = message;
  if (control && control.matches("input, textarea, select")) {
    control.setAttribute("aria-invalid", "true");
    const hiding = control.closest("details");
    if (hiding) hiding.open = true;
    control.focus();
  }
}

function forgive() {
  for (const place of document.querySelectorAll("form .error")) place.textContent = "";
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

/** Ask the server; a refusal becomes an error with the server's sentence. */
async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw Object.assign(new Error("The studio does not answer: is it still running?"), { field: null });
  }
  const body = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.error), { field: body.field });
  return body;
}

async function begin() {
  const table = await ask("/api/defaults");
  limits = table.limits;
  for (const [name, value] of Object.entries(table.defaults)) {
    const control = form.elements[name];
    if (!control) continue;
    if (control.type === "checkbox") control.checked = Boolean(value);
    else control.value = value === null ? "" : value;
  }
  at("takes-wanted").max = limits.takes;
  at("num_steps").placeholder = table.model.steps;
  at("cfg_strength").placeholder = table.model.guidance ?? "";
  for (const box of document.querySelectorAll("[data-needs]")) box.hidden = !table.model[box.dataset.needs];
  at("model").textContent =
    `${table.model.name}, ${table.model.sample_rate / 1000} kHz, up to ${limits.seconds} s; ` +
    "everything stays on the machine that runs the studio";
}

// -- the clip

async function choose(file) {
  forgive();
  forget();
  if (!file) return;
  if (file.size > limits.upload_bytes) {
    complain(`${file.name} is larger than the ${Math.floor(limits.upload_bytes / 2 ** 20)} MiB taken here.`, "video");
    return;
  }
  show(file);
  at("video-note").textContent = `Looking at ${file.name} ...`;
  const body = new FormData();
  body.append("video", file);
  const mine = (looking = ask("/api/clips", { method: "POST", body }));
  try {
    const found = await mine;
    if (looking !== mine) return;
    clip = found;
    seen(found);
  } catch (error) {
    if (looking !== mine) return;
    forget();
    complain(error.message, error.field || "video");
  }
}

/** The picture at once, from the browser's own copy of the file. */
function show(file) {
  at("seen").hidden = false;
  at("clear").hidden = false;
  at("no-preview").hidden = true;
  picture.hidden = false;
  picture.src = URL.createObjectURL(file);
  picture.onerror = () => {
    picture.hidden = true;
    at("no-preview").hidden = false;
  };
}

function seen(found) {
  picture.dataset.clip = found.id;
  picture.dataset.seconds = found.seconds ?? "";
  at("strip").src = `/api/clips/${found.id}/strip.png`;
  at("motion").hidden = found.still;
  at("motion").setAttribute("aria-label", `Movement in the picture over ${found.seconds ?? 0} seconds`);
  drawMotion(at("motion"), found.motion);
  at("original-line").hidden = !found.has_sound || picture.hidden;
  const length = found.still ? "a still picture: enter the seconds" : `${found.seconds.toFixed(2)} s`;
  const remarks = found.warnings.length ? `; ${found.warnings.join("; ")}` : "";
  at("video-note").textContent = `${found.width} x ${found.height}, ${found.codec}, ${length}${remarks}`;
}

function forget() {
  takes.pause();
  takes.stopOriginal();
  clip = looking = null;
  if (picture.src) URL.revokeObjectURL(picture.src);
  picture.onerror = null;
  picture.removeAttribute("src");
  delete picture.dataset.clip;
  delete picture.dataset.seconds;
  at("seen").hidden = at("clear").hidden = true;
  at("strip").removeAttribute("src");
  at("video-note").textContent = "";
}

// -- a job

async function submit(event) {
  event.preventDefault();
  if (job) return; // pressed twice
  forgive();
  busy(true, "sending");
  try {
    if (looking) await looking.catch(() => {});
    const body = new FormData(form);
    for (const control of form.querySelectorAll("input[type=checkbox]")) body.set(control.name, control.checked);
    for (const [name, value] of [...body]) if (value === "") body.delete(name);
    if (clip) body.append("clip", clip.id);
    job = await ask("/api/jobs", { method: "POST", body });
    const start = clip ? Number(at("start").value) || 0 : 0, wanted = Number(at("takes-wanted").value) || 1;
    remember([...remembered(), { id: job.id, start, wanted }]);
    follow(job, start, wanted);
  } catch (error) {
    busy(false, "");
    complain(error.message, error.field);
  }
}

function follow(mine, start, wanted) {
  let done = 0;
  events = new EventSource(`/api/jobs/${mine.id}/events`);
  const on = (name, act) => events.addEventListener(name, (event) => act(JSON.parse(event.data)));
  on("position", ({ position }) => { at("status").textContent = `waiting, number ${position} in the queue`; });
  on("phase", ({ phase, share, take }) => {
    const step = ORDER.indexOf(phase);
    if (step >= 0) at("progress").value = (take - 1 + (step + share) / ORDER.length) / wanted;
    if (share < 1) at("status").textContent = `${PHASES[phase] || phase}${wanted > 1 ? `, take ${take} of ${wanted}` : ""}`;
  });
  on("take", (facts) => {
    done += 1;
    takes.add(facts, mine.id, mine.prompt, start, mine.clip);
  });
  on("state", async ({ state, error }) => {
    if (state === "running") return;
    events.close();
    busy(false, { done: `${done} ${done === 1 ? "take" : "takes"} made`, cancelled: "cancelled", failed: "" }[state]);
    if (state === "failed") complain(error, null);
    if (state === "done") remark(mine.id);
  });
  events.onerror = () => {
    if (events.readyState !== EventSource.CLOSED) return; // it tries again by itself
    busy(false, "");
    complain("The connection to the studio was lost: is it still running?", null);
  };
}

/** The jobs of this browser; a browser that keeps nothing has none. */
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(JOBS)) || [];
  } catch {
    return [];
  }
}

function remember(jobs) {
  try {
    localStorage.setItem(JOBS, JSON.stringify(jobs.slice(-50)));
  } catch { /* the page works without it */ }
}

/** After a reload or a restart: the takes that are still there come back, a running job is followed. */
async function restore() {
  const kept = [];
  let running = null;
  for (const one of remembered()) {
    const found = await ask(`/api/jobs/${one.id}`).catch(() => null);
    if (!found) continue;
    const over = !["waiting", "running"].includes(found.state);
    if (over && !found.takes.length) continue;
    kept.push(one);
    if (over) for (const facts of found.takes) takes.add(facts, found.id, found.prompt, one.start, found.clip);
    else running = { found, ...one };
  }
  remember(kept);
  if (!running || job) return;
  busy(true, "running");
  job = running.found;
  follow(job, running.start, running.wanted);
}

async function remark(id) {
  const ended = await ask(`/api/jobs/${id}`).catch(() => null);
  if (ended && ended.warnings.length) at("status").textContent += `; ${ended.warnings.join("; ")}`;
}

function busy(on, words) {
  if (!on) job = null;
  run.disabled = on;
  at("cancel").hidden = at("progress").hidden = !on;
  at("progress").value = 0;
  at("status").textContent = words;
  form.setAttribute("aria-busy", String(on));
}

// -- what people do

form.addEventListener("submit", submit);
at("cancel").onclick = () => job && ask(`/api/jobs/${job.id}/cancel`, { method: "POST" }).catch((e) => complain(e.message, null));
at("tidy").onclick = () => takes.tidy();
at("original").onclick = (event) => takes.toggleOriginal(event.currentTarget);
at("video").onchange = (event) => choose(event.target.files[0]);
at("clear").onclick = () => {
  at("video").value = "";
  choose(null);
  at("video").focus();
};
const drop = at("drop");
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  choose(event.dataTransfer.files[0]);
});

let later = 0;
function redraw() {
  clearTimeout(later);
  later = setTimeout(() => {
    takes.redraw();
    if (clip) drawMotion(at("motion"), clip.motion);
  }, 150);
}
window.addEventListener("resize", redraw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

begin().then(restore).catch((error) => complain(error.message, null));
