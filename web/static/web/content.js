// The photograph of the form.
import { listen, show } from "./picks.js";

const area = document.querySelector("#content");
let file = null;

export function content() {
  return file;
}

function take([first]) {
  file = first;
  area.classList.add("filled");
  show(area.querySelector(".preview"), file);
  const name = area.querySelector(".name");
  name.textContent = file.name;
  name.hidden = false;
}

if (area) listen(area, take);
