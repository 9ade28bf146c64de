// Jobs on their way, several at once: a row each with its progress, its place in the queue and a way to cancel.
// Knows the events of a job; what becomes of takes is told to the page.

import { ask } from "./api.js";

const PHASES = {
  decode: "reading the pictures", encode: "looking at the pictures", text: "reading the words",
  network: "making the sound", codec: "decoding the sound", write: "writing", mux: "joining picture and sound",
  watch: "looking at the film", film: "making the sound",
};
const ORDER = ["decode", "encode", "text", "network", "codec", "write", "mux"];
const WATCHING = 0.4; // of a long clip's time, roughly

/** Share of a take that is done when a phase is so far. */
function done(phase, share) {
  if (phase === "watch") return WATCHING * share;
  if (phase === "film") return WATCHING + (1 - WATCHING) * share;
  const step = ORDER.indexOf(phase);
  return step < 0 ? null : (step + share) / ORDER.length;
}

const left = (seconds) => seconds >= 90 ? `${Math.round(seconds / 60)} min left` : `${Math.ceil(seconds)} s left`;

/**
 * Follow a job to its end.
 *
 * @param job as the studio tells of it
 * @param on { take(facts, job), impression(facts, job), end(job, state, error, made), lost() }
 */
export function follow(job, on) {
  const row = document.getElementById("job").content.firstElementChild.cloneNode(true);
  const bar = row.querySelector("progress"), phaseLine = row.querySelector(".phase");
  row.querySelector(".words").textContent = job.prompt || "by the picture alone";
  bar.setAttribute("aria-label", `Progress of ${job.prompt || "the take"}`);
  row.querySelector(".cancel").onclick = () => ask(`/api/jobs/${job.id}/cancel`, { method: "POST" }).catch((e) => {
    phaseLine.textContent = e.message;
  });
  document.getElementById("jobs").append(row);
  const wanted = job.asked.takes;
  let made = 0, over = false;
  const events = new EventSource(`/api/jobs/${job.id}/events`);
  const hear = (name, act) => events.addEventListener(name, (event) => act(JSON.parse(event.data)));
  hear("position", ({ position }) => { phaseLine.textContent = `waiting, number ${position} in the queue`; });
  hear("phase", ({ phase, share, left: seconds, take }) => {
    const part = done(phase, share);
    if (part !== null) bar.value = Math.min(1, (phase === "watch" || phase === "film" ? part : (take - 1 + part) / wanted));
    if (share < 1) {
      const which = wanted > 1 ? `, take ${take} of ${wanted}` : "";
      phaseLine.textContent = `${PHASES[phase] || phase}${which}${seconds > 1 ? `, ${left(seconds)}` : ""}`;
    }
  });
  hear("take", (facts) => { made += 1; on.take(facts, job); });
  hear("impression", (facts) => on.impression(facts, job));
  const finish = (state, error) => {
    if (over) return;
    over = true;
    events.close();
    row.remove();
    on.end(job, state, error, made);
  };
  hear("state", ({ state, error }) => state !== "running" && finish(state, error));
  events.onerror = async () => {
    // Does it try again by itself, or is the studio gone, or the job?
    const found = await ask(`/api/jobs/${job.id}`).catch((error) => error);
    if (found instanceof Error && found.status === 404) finish("failed", "The studio does not know this job any more.");
    else if (found instanceof Error) {
      phaseLine.textContent = "the studio does not answer; waiting for it";
      on.lost();
      if (events.readyState === EventSource.CLOSED && !over) setTimeout(() => { row.remove(); follow(job, on); }, 2000);
    } else if (events.readyState === EventSource.CLOSED && !over) {
      row.remove();
      follow(found, on);
    }
  };
  return row;
}
