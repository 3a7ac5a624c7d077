// The form of a page: sends it, and shows what becomes of it.
import { content } from "./content.js";
import { draw } from "./gallery.js";
import * as memory from "./memory.js";
import { complain } from "./picks.js";
import { look, order } from "./server.js";
import { nothing, sending, watch, whenEnded } from "./stage.js";
import { addStyles } from "./styles.js";
import { words } from "./words.js";

const form = document.querySelector("#order");
const go = form.querySelector(".go");
const area = document.querySelector("#content");

// Returns the form with its pictures, or complains and returns null.
function filled() {
  const data = new FormData(form);
  if (area && !content()) return complain(words.nocontent) ?? null;
  if (area) data.append("content", content(), content().name);
  const problem = addStyles(data);
  if (problem) return complain(problem) ?? null;
  return data;
}

// Brings the result into view where it is below the form.
function show() {
  const stage = document.querySelector("#stage");
  if (stage.getBoundingClientRect().top > form.getBoundingClientRect().bottom - 1) {
    stage.scrollIntoView({ block: "start", behavior: "smooth" });
  }
}

// Puts the names of the page in place of those of the API.
function named(sentence) {
  const names = { content: "#content legend", style: "#styles legend" };
  return sentence.replace(/^(content|style)(?=[ :])/, (name) => {
    return document.querySelector(names[name])?.textContent ?? name;
  });
}

async function send(event) {
  event?.preventDefault();
  complain("");
  const data = filled();
  if (!data) return;
  go.disabled = true;
  sending();
  show();
  try {
    const { job } = await order(form.getAttribute("action"), data);
    memory.add(job);
    location.hash = job;
  } catch (error) {
    nothing();
    complain(named(error.message));
  } finally {
    go.disabled = false;
  }
}

function follow() {
  const job = location.hash.slice(1);
  if (/^[0-9a-f]{48}$/.test(job)) watch(job);
  else nothing();
  draw();
}

function outputs() {
  for (const range of form.querySelectorAll(".slider input")) {
    const output = range.parentElement.querySelector("output");
    const write = () =>
      (output.value = range.name === "alpha" ? `${Math.round(range.value * 100)}%` : range.value);
    range.addEventListener("input", write);
    write();
  }
}

// Shows only what the chosen way of making pictures from noise needs.
function ways() {
  const chosen = form.querySelector("[name=way]:checked")?.value;
  for (const row of form.querySelectorAll("[data-for]")) {
    row.hidden = !row.dataset.for.split(" ").includes(chosen);
  }
}

form.addEventListener("submit", send);
form.addEventListener("change", ways);
for (const button of form.querySelectorAll("[data-dice]")) {
  button.addEventListener("click", () => {
    form.elements[button.dataset.dice].value = Math.floor(Math.random() * 1e6);
  });
}
document.querySelector("#stage .retry").addEventListener("click", () => send());
window.addEventListener("hashchange", follow);
// a picture dropped beside an area must not replace the page
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (e) => e.preventDefault());
whenEnded(draw);
outputs();
ways();
go.disabled = false; // without these scripts the form would show the answer of the API

// a page that was closed goes on with what is not finished
const newest = memory.all()[0];
if (!location.hash && newest?.path === location.pathname && (await look(newest.job)) !== null) {
  history.replaceState(null, "", `#${newest.job}`);
}
follow();
