// The jobs of this browser, the newest first: [{job, path}], where path is the page of the model.
const KEY = "jobs";
const MOST = 60;

export function all() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function keep(jobs) {
  try {
    localStorage.setItem(KEY, JSON.stringify(jobs.slice(0, MOST)));
  } catch {
    // a browser that keeps nothing: the picture is shown all the same
  }
}

export function add(job) {
  keep([{ job, path: location.pathname }, ...all()]);
}

export function forget(job) {
  keep(all().filter((one) => one.job !== job));
}
