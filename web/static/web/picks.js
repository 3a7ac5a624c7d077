// Choosing pictures: files, the camera, dropping, pasting, and examples of the site.
import { words } from "./words.js";

const form = document.querySelector("#order");
const problem = document.querySelector("#problem");

export function complain(text) {
  problem.textContent = text;
  problem.hidden = !text;
  if (text) problem.scrollIntoView({ block: "nearest" });
}

function accepts(file) {
  if (file.type && !file.type.startsWith("image/")) {
    complain(words.nopicture);
    return false;
  }
  if (file.size > Number(form.dataset.bytes)) {
    complain(words.big);
    return false;
  }
  complain("");
  return true;
}

async function example(button) {
  const data = await (await fetch(button.dataset.example)).blob();
  return new File([data], `${button.dataset.name}.jpg`, { type: data.type });
}

// Calls take(files) for whatever is chosen or dropped in an area.
export function listen(area, take) {
  const given = (files) => {
    const usable = [...files].filter(accepts);
    if (usable.length) take(usable);
  };
  for (const input of area.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      given(input.files);
      input.value = "";
    });
  }
  for (const button of area.querySelectorAll("[data-example]")) {
    button.addEventListener("click", async () => given([await example(button)]));
  }
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("over");
  });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    given(event.dataTransfer.files);
  });
}

// Shows a file in an image; browsers cannot show all types that the server reads.
export function show(image, file) {
  if (image.src) URL.revokeObjectURL(image.src);
  image.hidden = false;
  image.onerror = () => (image.hidden = true);
  image.src = URL.createObjectURL(file);
}
