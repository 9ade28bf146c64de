// What is said of a take: what a classifier takes it for, its loudness, the recordings in it, what to know of it.
// Knows the take's box and the facts the studio sends; plays and keeps nothing.

const rows = (texts) => texts.map((words) => {
  const row = document.createElement("li");
  row.textContent = words;
  return row;
});

/** "rain_03 (Forest, A. Author, CC0)" => "rain 03" */
const named = (credit) => credit.split(" (")[0].replaceAll("_", " ");

/** Facts that came with the take; those that its listener finds come later and are added. */
export function say(box, facts) {
  const { seed, classes, loudness, unsure, warnings = [], credits = [] } = facts;
  const line = box.querySelector(".classes");
  line.replaceChildren();
  if (classes && classes.length) {
    const names = classes.map(([name]) => name.toLowerCase());
    const best = document.createElement("b");
    best.textContent = names[0];
    line.append("classified as ", best, names.length > 1 ? `, ${names.slice(1).join(", ")} (YAMNet)` : " (YAMNet)");
  }
  const level = loudness === null || loudness === undefined ? "" : ` \u00b7 ${loudness.toFixed(1)} LUFS`;
  box.querySelector(".facts").textContent = `seed ${seed}${level}`;
  const remarks = [...warnings];
  if (classes && classes.length && unsure) {
    remarks.push(loudness === null ? "This take is as good as silent: try another seed or other words."
      : "The classifier is not sure what this is: plainer words or another seed may help.");
  }
  box.querySelector(".warnings").replaceChildren(...rows(remarks));
  const from = box.querySelector(".credits");
  from.hidden = !credits.length;
  from.querySelector("summary").textContent = `made from ${[...new Set(credits.map(named))].join(", ")}`;
  from.querySelector("ul").replaceChildren(...rows(credits));
}
