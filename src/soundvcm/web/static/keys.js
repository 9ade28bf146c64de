// Keys of the player, wherever nothing else wants them.
// Knows the stage and the takes.

/** @param toggle goes back to the take before */
export function listenToKeys(stage, takes, toggle) {
  const at = (id) => document.getElementById(id);
  const KEYS = {
    " ": () => stage.toggle(),
    ArrowLeft: () => stage.seek(stage.time - 1),
    ArrowRight: () => stage.seek(stage.time + 1),
    l: () => at("loop").click(),
    x: toggle,
    0: () => stage.clip && stage.clip.has_sound && stage.hear(null, true),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || at("confirm").open) return;
    if (event.target.closest("input, textarea, select, summary, a, dialog")) return;
    if (event.key === " " && event.target.closest("button")) return; // it presses the button
    const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    const take = /^[1-9]$/.test(event.key) && takes.takes[Number(event.key) - 1];
    if (!act && !take) return;
    event.preventDefault();
    if (act) act();
    else stage.hear(take, true);
  });
}
