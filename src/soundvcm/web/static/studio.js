// The page: a clip is chosen and looked at, the form is sent, jobs are followed, takes are added.
// Defaults and limits come from the server's one table. Knows the other parts; draws and plays nothing itself.

import { ask, watch } from "./api.js";
import { Clip } from "./clip.js";
import { chip, complain, example, confirmed, fill, forgive } from "./form.js";
import { keepHistory } from "./history.js";
import { follow } from "./jobs.js";
import { listenToKeys } from "./keys.js";
import { Like } from "./like.js";
import { Parts } from "./parts.js";
import { Projects } from "./projects.js";
import { Stage } from "./stage.js";
import { Takes } from "./takes.js";

const at = (id) => document.getElementById(id);
const form = at("form"), run = at("run");

let sending = false, working = 0;
const clips = new Map(); // facts of the clips of takes, by id
const stage = new Stage((start, end) => {
  at("start").value = start === null ? "" : start.toFixed(2);
  at("duration").value = start === null ? "" : (end - start).toFixed(2);
});
const parts = new Parts(() => stage.part);
const clip = new Clip(stage, (found) => {
  if (found) clips.set(found.id, found);
  parts.open(found);
});
const like = new Like(complain);
const takes = new Takes(stage, another, changed);
const projects = new Projects(opened);
projects.confirm = confirmed;
const history = keepHistory(projects, use);

function changed(all) {
  at("none-yet").hidden = all.length > 0;
  at("tidy").hidden = all.length < 2 || !takes.unkept.length;
  at("ab").disabled = all.length < 2;
  at("undo-line").hidden = !takes.trash.length;
  at("undo-words").textContent = `${takes.trash.length} ${takes.trash.length === 1 ? "take" : "takes"} deleted.`;
}

async function begin() {
  const table = await ask("/api/defaults");
  const limits = table.limits;
  clip.limit = limits.upload_bytes;
  at("kind").append(...table.model.kinds.map((name) => new Option(name, name)));
  fill(table.defaults);
  at("takes-wanted").max = limits.takes;
  at("num_steps").placeholder = table.model.steps;
  at("cfg_strength").placeholder = table.model.guidance ?? "";
  for (const box of document.querySelectorAll("[data-needs]")) box.hidden = !table.model[box.dataset.needs];
  at("chips").replaceChildren(...table.prompts.map((words) => chip(words, () => {
    at("prompt").value = words;
    if (!clip.facts && !at("duration").value) at("duration").value = "4";
    run.focus();
  })));
  const examples = await ask("/api/examples").catch(() => []);
  at("examples").append(...examples.map((one) => example(one, () => clip.example(one))));
  at("examples").hidden = !examples.length;
  await projects.begin();
  at("model").textContent = `${table.model.name} \u00b7 ${table.model.sample_rate / 1000} kHz \u00b7 up to ${limits.seconds} s`;
}

// -- jobs

async function submit(event) {
  event.preventDefault();
  if (sending) return; // pressed twice
  forgive();
  const body = new FormData(form);
  for (const control of form.querySelectorAll("input[type=checkbox]")) body.set(control.name, control.checked);
  await send(body, async () => {
    body.set("clip", await clip.value());
    body.set("sound", await like.value());
    body.set("segments", clip.facts ? parts.value() : "");
  });
}

/** The same again with another seed. */
async function another(job) {
  forgive();
  const body = new FormData();
  for (const [name, value] of Object.entries(job.asked)) if (value !== null) body.append(name, name === "segments" ? JSON.stringify(value) : value);
  body.set("seed", "-1");
  body.set("takes", "1");
  for (const name of ["clip", "sound"]) if (job[name]) body.append(name, job[name]);
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
      const made = takes.find(from.id, facts.take) || takes.add(facts, from, clips.get(from.clip) || null);
      if (!stage.playing) stage.hear(made, false);
    },
    impression: (facts, from) => {
      const take = takes.find(from.id, facts.take);
      if (take) takes.judge(take, facts);
    },
    end(from, state, error, made) {
      working -= 1;
      at("status").textContent =
        { done: `${made} ${made === 1 ? "take" : "takes"} made`, cancelled: "cancelled", failed: "" }[state];
      if (state === "failed") complain(error, null);
      history();
    },
    lost: () => offline(false),
  });
}

/** A project was opened: its takes come back, its running jobs are followed, its last clip is shown. */
function opened(project) {
  takes.clear();
  clip.forget();
  like.clear();
  at("video").value = "";
  at("status").textContent = "";
  at("jobs").replaceChildren();
  at("history").open = false;
  history();
  if (!project) return;
  for (const one of project.clips) clips.set(one.id, one);
  for (const job of project.jobs) {
    const running = ["waiting", "running"].includes(job.state);
    for (const facts of job.takes) takes.add(facts, job, clips.get(job.clip) || null);
    if (running) go(job);
  }
  const last = project.jobs.at(-1);
  if (!last) return;
  fill({ ...last.asked, seed: -1, takes: 1 }); // the next take should be another one
  show(last);
  at("start").dispatchEvent(new Event("change"));
  if (takes.takes[0]) stage.hear(takes.takes[0], false);
}

/** The clip, the parts and the recording of a job are those of the form again, as far as they are still held. */
function show(job) {
  const held = clips.get(job.clip);
  if (held && clip.facts !== held) clip.hold(held);
  parts.fill((held && job.asked.segments) || []);
  if (job.sound) like.show(job.sound, job.like);
  else like.clear();
}

/** Everything that was asked of a job stands in the form, to be changed and asked again. */
function use(job) {
  forgive();
  fill(job.asked);
  show(job);
  at("start").dispatchEvent(new Event("change"));
  at("prompt").focus();
}

// -- what people do

form.addEventListener("submit", submit);
at("tidy").onclick = async () => {
  const going = takes.unkept;
  if (await confirmed(`Delete ${going.length} ${going.length === 1 ? "take" : "takes"} that are not kept? You can undo it for some minutes.`)) takes.remove(going);
};
at("undo").onclick = () => takes.undo();
at("ab").onclick = toggleTakes;
for (const name of ["start", "duration"]) {
  at(name).addEventListener("change", () => {
    const start = Number(at("start").value) || 0, whole = clip.facts && clip.facts.seconds;
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
  const file = event.dataTransfer.files[0];
  if (!file) return;
  if (like.wants(file)) like.send(file);
  else {
    at("video").value = "";
    clip.choose(file);
  }
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
