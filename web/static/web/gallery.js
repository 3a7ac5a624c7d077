// What was made before in this browser.
import * as memory from "./memory.js";
import { look, remove } from "./server.js";
import { words } from "./words.js";

const section = document.querySelector("#gallery");
const list = section.querySelector("ul");
let drawn = 0;

function item({ job, path }, state) {
  const row = document.querySelector("#made").content.firstElementChild.cloneNode(true);
  const link = row.querySelector(".open");
  link.href = `${path}#${job}`;
  link.setAttribute("aria-label", `${words.show} ${state.title}`);
  if (state.state === "done") row.querySelector("img").src = `/api/jobs/${job}/small.jpg`;
  else {
    row.querySelector("img").hidden = true;
    row.querySelector(".state").textContent = state.state === "failed" ? words.failed : words.making;
  }
  row.querySelector(".remove").addEventListener("click", async () => {
    if (!(await remove(job))) return;
    memory.forget(job);
    row.remove();
    section.hidden = !list.children.length;
    if (location.hash === `#${job}`) location.hash = "";
    (list.querySelector("a") ?? document.querySelector("#order button.go")).focus();
  });
  return row;
}

// Draws all jobs that are still there, and forgets the others.
export async function draw() {
  const mine = (drawn += 1);
  const jobs = memory.all();
  const states = await Promise.all(jobs.map(({ job }) => look(job)));
  if (mine !== drawn) return;
  const rows = [];
  jobs.forEach((one, i) => {
    if (states[i] === null) memory.forget(one.job);
    else if (states[i]) rows.push(item(one, states[i]));
  });
  list.replaceChildren(...rows);
  section.hidden = !rows.length;
}
