// Talks to the JSON API.
import { words } from "./words.js";

const token = document.querySelector("#order [name=csrfmiddlewaretoken]").value;

async function sentence(response) {
  try {
    return (await response.json()).error;
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}

// Sends a form; returns what the API says about the new job. Throws an Error with a sentence.
export async function order(address, form) {
  let response;
  try {
    response = await fetch(address, { method: "POST", body: form, headers: { "X-CSRFToken": token } });
  } catch {
    throw new Error(words.unsent);
  }
  if (!response.ok) throw new Error(await sentence(response));
  return response.json();
}

// Returns the job as it is now; null if there is none; undefined if the server does not answer.
export async function look(job) {
  try {
    const response = await fetch(`/api/jobs/${job}`, { cache: "no-store" });
    if (response.status === 404) return null;
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}

export async function remove(job) {
  const headers = { "X-CSRFToken": token };
  const response = await fetch(`/api/jobs/${job}`, { method: "DELETE", headers });
  return response.ok || response.status === 404;
}
