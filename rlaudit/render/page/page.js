"use strict";
// The page works without this: it adds buttons that copy, counts what the filters leave, and
// remembers the switches, so that a page that is loaded anew shows what it did.
const switches = document.querySelectorAll("input");
const key = "rlaudit:" + location.pathname;

function count() {
  const place = document.getElementById("count");
  if (!place) return;
  const checks = [...document.querySelectorAll(".check")];
  const shown = checks.filter((check) => check.checkVisibility()).length;
  place.textContent = `showing ${shown} of ${checks.length} checks with findings`;
}

// Storage is refused to pages of some browsers that are opened as files.
function recall() {
  try {
    const known = JSON.parse(sessionStorage.getItem(key) || "{}");
    for (const input of switches) if (input.id in known) input.checked = known[input.id];
  } catch { /* nothing is remembered */ }
}

function remember() {
  try {
    const state = Object.fromEntries([...switches].map((input) => [input.id, input.checked]));
    sessionStorage.setItem(key, JSON.stringify(state));
  } catch { /* nothing is remembered */ }
}

function select(text) {
  getSelection().selectAllChildren(text);
}

for (const text of document.querySelectorAll("pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      select(text);
      button.textContent = "Selected: copy it with the keyboard";
    }
  });
  text.before(button);
}
for (const input of switches) {
  input.addEventListener("change", () => { remember(); count(); });
}
recall();
count();
