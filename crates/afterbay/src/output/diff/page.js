
"use strict";
const all = [...document.querySelectorAll(".object")];
const nav = document.querySelector("nav");
const search = document.getElementById("search");
const boxes = [...document.querySelectorAll("nav input[type=checkbox]")];
const fold = document.getElementById("fold");
const count = document.getElementById("count");

function show() {
  const off = new Set(boxes.filter((box) => !box.checked).map((box) => box.dataset.field + " " + box.value));
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const object of all) {
    const text = (object.dataset.title + " " + object.textContent).toLowerCase();
    object.hidden = off.has("action " + object.dataset.action) || off.has("kind " + object.dataset.kind)
      || !words.every((word) => text.includes(word));
    shown += object.hidden ? 0 : 1;
  }
  count.textContent = shown === all.length ? "" : shown + " of " + all.length + " objects";
}

function folded() {
  fold.textContent = all.some((object) => object.open) ? "Fold all" : "Unfold all";
}

if (all.length > 0) {
  nav.hidden = false;
  search.addEventListener("input", show);
  boxes.forEach((box) => box.addEventListener("change", show));
  fold.addEventListener("click", () => {
    const open = !all.some((object) => object.open);
    all.forEach((object) => { object.open = open; });
  });
  all.forEach((object) => object.addEventListener("toggle", folded));
  document.getElementById("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const now = root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.style.colorScheme = now === "dark" ? "light" : "dark";
  });
}
