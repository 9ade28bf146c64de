// Parts of the clip with words of their own: added by hand, from the chosen range, or cut at the shots.
// Knows its table in the form and the marks over the strip; what is sent is JSON as the service takes it.

const at = (id) => document.getElementById(id);
const SHORTEST = 0.2;

export class Parts {
  /** @param range gives the chosen part of the clip, [start, end] or null */
  constructor(range) {
    Object.assign(this, { range, clip: null });
    at("parts-cut").onclick = () => this.cut();
    at("parts-add").onclick = () => this.add(...(this.range() || this.rest()));
    at("parts-clear").onclick = () => this.fill([]);
    at("parts-list").addEventListener("input", () => this.mark());
  }

  /** Another clip, or none: its shots can be cut. */
  open(clip) {
    if (!clip || !this.clip || clip.id !== this.clip.id) this.fill([]);
    this.clip = clip;
    at("parts").hidden = !clip || clip.still;
    at("parts-cut").disabled = !(clip && clip.cuts.length);
    at("parts-cut").textContent = clip && clip.cuts.length ? `Cut at the ${clip.cuts.length + 1} shots` : "No shots to cut at";
  }

  cut() {
    const edges = [0, ...this.clip.cuts.filter((cut) => cut > SHORTEST), this.clip.seconds];
    this.fill(edges.slice(1).map((end, k) => ({ start: edges[k], end })));
  }

  /** What lies after the last part. */
  rest() {
    const last = Math.max(0, ...this.rows().map((row) => Number(row.end) || 0));
    return [last < this.clip.seconds - SHORTEST ? last : 0, this.clip.seconds];
  }

  fill(rows) {
    at("parts-list").replaceChildren();
    for (const { start, end, ...more } of rows) this.add(Number(start), Number(end), more);
    this.mark();
  }

  add(start, end, { prompt = "", gain = 0, mute = false } = {}) {
    const row = at("part").content.firstElementChild.cloneNode(true);
    const field = (name) => row.querySelector(`[data-name=${name}]`);
    const number = at("parts-list").children.length + 1;
    for (const [name, value] of Object.entries({ start: start.toFixed(2), end: end.toFixed(2), prompt, gain })) {
      field(name).value = value;
      field(name).setAttribute("aria-label", `Part ${number}: ${field(name).dataset.label}`);
    }
    field("mute").checked = mute;
    row.querySelector(".gone").onclick = () => {
      row.remove();
      this.mark();
      at("parts-add").focus();
    };
    row.querySelector(".gone").setAttribute("aria-label", `Remove part ${number}`);
    at("parts-list").append(row);
    this.mark();
  }

  rows() {
    return [...at("parts-list").children].map((row) => {
      const field = (name) => row.querySelector(`[data-name=${name}]`);
      return {
        start: field("start").value, end: field("end").value, prompt: field("prompt").value,
        gain: field("gain").value, mute: field("mute").checked,
      };
    });
  }

  /** As the service takes it; "" where there are none. */
  value() {
    const rows = this.rows();
    return rows.length ? JSON.stringify(rows) : "";
  }

  /** Where they lie, over the strip. */
  mark() {
    const whole = (this.clip && this.clip.seconds) || 1, rows = this.rows();
    at("parts-clear").hidden = at("parts-hint").hidden = !rows.length;
    at("marks").replaceChildren(...rows.map(({ start, end, prompt, mute }) => {
      const mark = document.createElement("span");
      mark.style.left = `${(100 * Number(start)) / whole}%`;
      mark.style.width = `${(100 * Math.max(0, end - start)) / whole}%`;
      mark.textContent = mute ? "mute" : prompt;
      return mark;
    }));
  }
}
