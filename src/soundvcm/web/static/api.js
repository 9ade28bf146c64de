// Asking the studio: answers, refusals in its own words, uploads with their share, and whether it is still there.
// Knows HTTP; nothing of the page.

export const GONE = "The studio does not answer: is it still running?";

/** Ask the server; a refusal becomes an error with the server's sentence and its field. */
export async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw Object.assign(new Error(GONE), { field: null, gone: true });
  }
  return read(answer.status, answer.status === 204 ? "" : await answer.text());
}

function read(status, text) {
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch { /* a proxy may answer with a page of its own */ }
  if (status >= 200 && status < 300) return body;
  if (status === 401) location.reload(); // the token is wanted again
  throw Object.assign(new Error(body?.detail || `The studio answered with status ${status}.`), {
    field: body?.field ?? null, status, gone: status === 502 || status === 504,
  });
}

/** Upload a form; `share` is called with 0 .. 1 as it goes. The result has `abort()`. */
export function upload(address, body, share) {
  const request = new XMLHttpRequest();
  const answer = new Promise((done, failed) => {
    request.upload.onprogress = (event) => event.lengthComputable && share(event.loaded / event.total);
    request.onload = () => {
      try {
        done(read(request.status, request.responseText));
      } catch (error) {
        failed(error);
      }
    };
    request.onerror = () => failed(Object.assign(new Error(GONE), { field: null, gone: true }));
    request.onabort = () => failed(Object.assign(new Error(""), { field: null }));
    request.open("POST", address);
    request.send(body);
  });
  return { answer, abort: () => request.abort() };
}

/** Look every second whether the studio is there, while `wanted()`; tell when that changes. */
export function watch(wanted, tell) {
  let there = true, asking = false;
  setInterval(async () => {
    if (asking || document.hidden || (there && !wanted())) return;
    asking = true;
    const now = await fetch("/api/health", { signal: AbortSignal.timeout(1800) }).then((a) => a.status < 500, () => false);
    asking = false;
    if (now !== there) tell((there = now));
  }, 1000);
}
