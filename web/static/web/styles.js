// The styles of the form: paintings, or styles that the model has learned; each with a share.
import { complain, listen, show } from "./picks.js";
import { words } from "./words.js";

const paintings = document.querySelector("#styles");
const learned = document.querySelector("#learned");
const chosen = []; // {file, row}

function follow(range) {
  const output = range.parentElement.querySelector("output");
  range.addEventListener("input", () => (output.value = range.value));
}

function update() {
  const list = paintings.querySelector(".chosen");
  list.classList.toggle("mixed", chosen.length > 1);
}

function add(file) {
  const row = document.querySelector("#chosen-style").content.firstElementChild.cloneNode(true);
  row.querySelector(".name").textContent = file.name;
  show(row.querySelector("img"), file);
  follow(row.querySelector("input"));
  const one = { file, row };
  row.querySelector(".remove").addEventListener("click", () => {
    chosen.splice(chosen.indexOf(one), 1);
    row.remove();
    update();
    paintings.querySelector("input[type=file]").focus();
  });
  chosen.push(one);
  paintings.querySelector(".chosen").append(row);
  update();
}

function take(files) {
  for (const file of files) {
    if (chosen.length >= Number(paintings.dataset.most)) return complain(words.manystyles);
    add(file);
  }
}

function boxes() {
  return [...learned.querySelectorAll("input[type=checkbox]")].filter((box) => box.checked);
}

function share(box) {
  return box.closest("li").querySelector("input[type=range]");
}

function updateLearned() {
  const mixed = boxes().length > 1;
  for (const box of learned.querySelectorAll("input[type=checkbox]")) {
    share(box).parentElement.hidden = !(mixed && box.checked);
  }
}

// Adds the styles to a form; returns a sentence if there are none.
export function addStyles(form) {
  const shares = [];
  if (paintings) {
    if (!chosen.length) return words.nostyle;
    for (const { file, row } of chosen) {
      form.append("style", file, file.name);
      shares.push(row.querySelector("input").value);
    }
  }
  if (learned) {
    if (!boxes().length) return words.nolearned;
    for (const box of boxes()) {
      form.append("styles", box.value);
      shares.push(share(box).value);
    }
  }
  if (shares.length > 1) form.append("style_weights", shares.join(","));
  return "";
}

// Shows the preview of a style as soon as the server has made it.
function preview(image, tries = 40) {
  image.onload = () => (image.hidden = false);
  image.onerror = () => tries && setTimeout(() => preview(image, tries - 1), 3000);
  image.src = `${image.dataset.preview}?${tries}`;
}

if (paintings) listen(paintings, take);
if (learned) {
  learned.addEventListener("change", updateLearned);
  learned.querySelectorAll("input[type=range]").forEach(follow);
  learned.querySelectorAll("[data-preview]").forEach((image) => preview(image));
}
