// The page: a clip is chosen and looked at, the form is sent, jobs are followed, takes are added.
// Defaults and limits come from the server's one table. Knows the other parts; draws and plays nothing itself.

import { ask, upload, watch } from "./api.js";
import { chip, complain, confirmed, fill, forgive } from "./form.js";
import { follow } from "./jobs.js";
import { listenToKeys } from "./keys.js";
import { Parts } from "./parts.js";
import { Projects } from "./projects.js";
import { Stage } from "./stage.js";
import { Takes } from "./takes.js";

const at = (id) => document.getElementById(id);
const form = at("form"), run = at("run");

let clip = null, looking = null, limits = null, sending = false, working = 0;
const clips = new Map(); // facts of the clips of takes, by id
const stage = new Stage((start, end) => {
  at("start").value = start === null ? "" : start.toFixed(2);
  at("duration").value = start === null ? "" : (end - start).toFixed(2);
});
const parts = new Parts(() => stage.part);
const takes = new Takes(stage, another, changed);
const projects = new Projects(opened);
projects.confirm = confirmed;

function changed(all) {
  at("none-yet").hidden = all.length > 0;
  at("tidy").hidden = all.length < 2 || !takes.unkept.length;
  at("ab").disabled = all.length < 2;
  at("undo-line").hidden = !takes.trash.length;
  at("undo-words").textContent = `${takes.trash.length} ${takes.trash.length === 1 ? "take" : "takes"} deleted.`;
}

async function begin() {
  const table = await ask("/api/defaults");
  limits = table.limits;
  fill(table.defaults);
  at("takes-wanted").max = limits.takes;
  at("num_steps").placeholder = table.model.steps;
  at("cfg_strength").placeholder = table.model.guidance ?? "";
  for (const box of document.querySelectorAll("[data-needs]")) box.hidden = !table.model[box.dataset.needs];
  at("chips").replaceChildren(...table.prompts.map((words) => chip(words, () => {
    at("prompt").value = words;
    if (!clip && !at("duration").value) at("duration").value = "4";
    run.focus();
  })));
  const examples = await ask("/api/examples").catch(() => []);
  at("examples").append(...examples.map((one) => chip(one.title, () => example(one))));
  at("examples").hidden = !examples.length;
  await projects.begin();
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
    at("video").value = "";
    return;
  }
  stage.preview(file);
  const body = new FormData();
  body.append("video", file);
  await take_in(file.name, body, true);
}

/** An example clip: it is on the studio's machine already. */
async function example(one) {
  forgive();
  forget();
  if (!at("prompt").value.trim()) at("prompt").value = one.prompt;
  const body = new FormData();
  body.append("example", one.name);
  await take_in(one.title, body, false);
}

async function take_in(name, body, seen) {
  at("drop").classList.add("has");
  at("clear").hidden = false;
  at("video-note").textContent = `${name}: sending`;
  at("uploading").hidden = false;
  const going = upload("/api/clips", body, (share) => {
    at("uploading").value = share;
    at("video-note").textContent = share < 1 ? `${name}: ${Math.round(100 * share)} % sent` : `${name}: looking at it`;
  });
  looking = going;
  try {
    const found = await going.answer;
    if (looking !== going) return;
    clip = found;
    clips.set(found.id, found);
    parts.open(found);
    stage.open(found, seen);
    const length = found.still ? "a still picture: enter the seconds" : `${found.seconds.toFixed(2)} s`;
    const remarks = found.warnings.length ? `; ${found.warnings.join("; ")}` : "";
    at("video-note").textContent = `${name}: ${found.width} x ${found.height}, ${found.codec}, ${length}${remarks}`;
  } catch (error) {
    if (looking !== going) return;
    forget();
    at("video").value = ""; // the name of a refused file would look as if it were taken
    complain(error.message ? `${name}: ${error.message}` : "", error.field || "video");
  } finally {
    if (looking === going) looking = null;
    at("uploading").hidden = true;
  }
}

function forget() {
  const going = looking;
  clip = looking = null;
  if (going) going.abort();
  stage.clear();
  parts.open(null);
  at("clear").hidden = true;
  at("drop").classList.remove("has");
  at("video-note").textContent = "";
  at("uploading").hidden = true;
}

// -- jobs

async function submit(event) {
  event.preventDefault();
  if (sending) return; // pressed twice
  forgive();
  const body = new FormData(form);
  for (const control of form.querySelectorAll("input[type=checkbox]")) body.set(control.name, control.checked);
  await send(body, async () => {
    if (looking) await looking.answer.catch(() => {});
    if (clip) body.append("clip", clip.id);
    body.append("segments", clip ? parts.value() : "");
  });
}

/** The same again with another seed. */
async function another(job) {
  forgive();
  const body = new FormData();
  for (const [name, value] of Object.entries(job.asked)) if (value !== null) body.append(name, name === "segments" ? JSON.stringify(value) : value);
  body.set("seed", "-1");
  body.set("takes", "1");
  if (job.clip) body.append("clip", job.clip);
  await send(body, async () => {});
}

async function send(body, before) {
  sending = run.disabled = true;
  at("status").textContent = "sending";
  form.setAttribute("aria-busy", "true");
  try {
    await before();
    for (const [name, value] of [...body]) if (value === "") body.delete(name);
    const facts = clips.get(body.get("clip"));
    const nothing = !facts && !String(body.get("prompt") || "").trim();
    if (!nothing) body.append("project", await projects.id(String(body.get("prompt") || "") || (facts ? facts.name : "")));
    const job = await ask("/api/jobs", { method: "POST", body, headers: { "Idempotency-Key": crypto.randomUUID() } });
    at("status").textContent = "";
    go(job);
  } catch (error) {
    at("status").textContent = "";
    complain(error.message, error.field);
  } finally {
    sending = run.disabled = false;
    form.setAttribute("aria-busy", "false");
  }
}

function go(job) {
  working += 1;
  follow(job, {
    take(facts, from) {
      const first = !stage.take;
      const made = takes.find(from.id, facts.take) || takes.add(facts, from, clips.get(from.clip) || null);
      if (!stage.playing) stage.hear(made, first && false);
    },
    impression: (facts, from) => {
      const take = takes.find(from.id, facts.take);
      if (take) takes.judge(take, { ...facts, warnings: [...take.box.querySelectorAll(".warnings li")].map((row) => row.textContent) });
    },
    end(from, state, error, made) {
      working -= 1;
      at("status").textContent =
        { done: `${made} ${made === 1 ? "take" : "takes"} made`, cancelled: "cancelled", failed: "" }[state];
      if (state === "failed") complain(error, null);
    },
    lost: () => offline(false),
  });
}

/** A project was opened: its takes come back, its running jobs are followed, its last clip is shown. */
function opened(project) {
  takes.clear();
  forget();
  at("video").value = "";
  at("status").textContent = "";
  at("jobs").replaceChildren();
  if (!project) return;
  for (const one of project.clips) clips.set(one.id, one);
  for (const job of project.jobs) {
    const running = ["waiting", "running"].includes(job.state);
    for (const facts of job.takes) takes.add(facts, job, clips.get(job.clip) || null);
    if (running) go(job);
  }
  const last = project.jobs.at(-1);
  if (!last) return;
  fill({ prompt: last.prompt });
  const held = clips.get(last.clip);
  if (held) {
    clip = held;
    stage.open(held);
    parts.open(held);
    if (last.asked.segments) parts.fill(last.asked.segments);
    at("drop").classList.add("has");
    at("clear").hidden = false;
    at("video-note").textContent = `${held.name}: ${held.width} x ${held.height}, ${held.codec}` + (held.seconds ? `, ${held.seconds.toFixed(2)} s` : "");
  }
  if (takes.takes[0]) stage.hear(takes.takes[0], false);
}

// -- what people do

form.addEventListener("submit", submit);
at("tidy").onclick = async () => {
  const going = takes.unkept;
  if (await confirmed(`Delete ${going.length} ${going.length === 1 ? "take" : "takes"} that are not kept? You can undo it for some minutes.`)) takes.remove(going);
};
at("undo").onclick = () => takes.undo();
at("ab").onclick = toggleTakes;
at("video").onchange = (event) => choose(event.target.files[0]);
at("clear").onclick = () => {
  at("video").value = "";
  choose(null);
  at("video").focus();
};
for (const name of ["start", "duration"]) {
  at(name).addEventListener("change", () => {
    const start = Number(at("start").value) || 0, whole = clip && clip.seconds;
    const length = Number(at("duration").value) || (whole ? whole - start : 0);
    if (whole && length > 0 && (at("start").value || at("duration").value) && start < whole) {
      stage.choose(start, Math.min(whole, start + length), true);
    } else stage.choose(null, null, true);
  });
}

/** Back to the take before, at the same moment. */
function toggleTakes() {
  const other = stage.before && takes.takes.includes(stage.before) ? stage.before : takes.takes.find((take) => take !== stage.take);
  if (other) stage.hear(other, true);
}

listenToKeys(stage, takes, toggleTakes);

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
  at("video").value = "";
  if (event.dataTransfer.files.length) choose(event.dataTransfer.files[0]);
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("#project-more")) at("project-more").open = false;
});

function offline(there) {
  at("offline").hidden = there;
}
watch(() => working > 0 || !at("offline").hidden, offline);

let later = 0;
function redraw() {
  clearTimeout(later);
  later = setTimeout(() => {
    takes.redraw();
    stage.redraw();
  }, 150);
}
window.addEventListener("resize", redraw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

begin().catch((error) => complain(error.message, null));
