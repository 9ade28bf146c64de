// The history of a project: everything that was asked, the newest first, and a way to ask it again.
// Knows the project's jobs as the studio tells of them; filling the form is the page's business.

import { ask } from "./api.js";

const at = (id) => document.getElementById(id);
const STATES = { failed: "failed", cancelled: "cancelled", waiting: "waiting", running: "being made" };

/** @param use called with a job whose settings should stand in the form */
export function keepHistory(projects, use) {
  const box = at("history");
  const draw = async () => {
    box.hidden = !projects.current; // the first job makes a project
    if (!box.open || box.hidden) return;
    const whole = await ask(`/api/projects/${projects.current.id}`).catch(() => null);
    if (!whole) return;
    at("history-list").replaceChildren(...whole.jobs.toReversed().map((job) => {
      const row = at("asked").content.firstElementChild.cloneNode(true);
      const words = job.prompt || "by the picture alone", takes = job.takes.length;
      row.querySelector(".when").textContent = new Date(1000 * job.created).toLocaleString();
      row.querySelector(".words").textContent = words;
      row.querySelector(".facts").textContent = STATES[job.state] || `${takes} ${takes === 1 ? "take" : "takes"}, seed ${job.seed}`;
      row.querySelector(".use").onclick = () => use(job);
      row.querySelector(".use").setAttribute("aria-label", `Use the settings of ${words}`);
      return row;
    }));
  };
  box.addEventListener("toggle", draw);
  return draw;
}
