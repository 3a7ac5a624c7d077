// Shows one job: its place in line, its progress, its result beside the original, or why it failed.
import { look } from "./server.js";
import { words } from "./words.js";

const stage = document.querySelector("#stage");
const compare = stage.querySelector(".compare");
const slider = compare.querySelector("input");
let watched = 0; // changes when another job is shown
let onEnd = () => {};

function status(state, text) {
  stage.dataset.state = state;
  const line = stage.querySelector(`${state === "failed" ? ".failure" : ".busy"} .status`);
  if (line.textContent !== text) line.textContent = text;
}

function progress(value) {
  const bar = stage.querySelector("progress");
  if (value) bar.value = value;
  else bar.removeAttribute("value");
}

function split() {
  compare.style.setProperty("--split", `${slider.value}%`);
}

function result(job) {
  const [before, after] = compare.querySelectorAll("img");
  const both = Boolean(job.content);
  const waited = stage.dataset.state === "busy";
  after.onload = () => waited && compare.scrollIntoView({ block: "nearest", behavior: "smooth" });
  compare.classList.toggle("single", !both);
  before.hidden = slider.hidden = stage.querySelector(".ends").hidden = !both;
  if (both) before.src = job.content;
  after.src = job.result;
  slider.value = 50;
  split();
  const link = stage.querySelector(".download");
  link.href = `${job.result}?download`;
  link.download = `${job.model}-${job.job.slice(0, 8)}${job.result.slice(-4)}`;
  stage.dataset.state = "done";
}

function shown(job) {
  if (job === null) status("failed", words.gone);
  else if (job === undefined) status("busy", words.offline);
  else if (job.state === "waiting") {
    progress(0);
    status("busy", job.place ? `${words.line} ${job.place}` : words.next);
  } else if (job.state === "running") {
    progress(job.progress);
    status("busy", words.running);
  } else if (job.state === "failed") status("failed", job.error);
  else result(job);
  return job === undefined || ["waiting", "running"].includes(job?.state);
}

export function sending() {
  watched += 1;
  progress(0);
  status("busy", words.sending);
}

export function nothing() {
  watched += 1;
  stage.dataset.state = "empty";
}

// Shows a job until it ends.
export async function watch(name) {
  const mine = (watched += 1);
  for (let pause = 400; mine === watched; pause = Math.min(pause * 1.2, 3000)) {
    const job = await look(name);
    if (mine !== watched) return;
    if (!shown(job)) return onEnd(job);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

export function whenEnded(callback) {
  onEnd = callback;
}

slider.addEventListener("input", split);
