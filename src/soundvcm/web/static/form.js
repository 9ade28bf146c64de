// The form's fields: filled, and complained about beside the field that is meant; questions before a deletion.
// Knows ids of controls; nothing of what is sent.

const at = (id) => document.getElementById(id);
const form = at("form");
const CONTROL = { takes: "takes-wanted" }; // the id of a field's control, where it is not the field's name

/** A refusal beside its field, in the words of the server. */
export function complain(message, field) {
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

export function forgive() {
  for (const place of document.querySelectorAll("form .error")) place.textContent = "";
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

export function fill(values) {
  for (const [name, value] of Object.entries(values)) {
    const control = form.elements[name];
    if (!control) continue;
    if (control.type === "checkbox") control.checked = Boolean(value);
    else control.value = value ?? "";
  }
}

/** Ask before something goes. */
export function confirmed(words) {
  const box = at("confirm");
  at("confirm-words").textContent = words;
  box.returnValue = "no";
  box.showModal();
  return new Promise((done) => box.addEventListener("close", () => done(box.returnValue === "yes"), { once: true }));
}

/** A small round button with words to press into a field. */
export function chip(words, press) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip small";
  button.textContent = words;
  button.onclick = press;
  return button;
}

/** An example clip to press: its picture, moving while it is pointed at. */
export function example({ title, video, picture }, press) {
  const button = document.createElement("button"), still = new Image(), film = document.createElement("video");
  button.type = "button";
  button.className = "example";
  still.alt = "";
  still.src = picture;
  Object.assign(film, { muted: true, loop: true, playsInline: true, poster: picture, tabIndex: -1 });
  film.setAttribute("aria-hidden", "true");
  button.onmouseenter = () => {
    film.src = video;
    still.replaceWith(film);
    film.play().catch(() => {});
  };
  button.onmouseleave = () => {
    film.removeAttribute("src"); // a film that waits would keep a connection open
    film.load();
    film.replaceWith(still);
  };
  button.append(still, title);
  button.onclick = press;
  return button;
}
