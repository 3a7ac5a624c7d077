// The texts of the page in its language, by key.
export const words = Object.fromEntries(
  [...document.querySelectorAll("#words li")].map((item) => [item.dataset.key, item.textContent]),
);
