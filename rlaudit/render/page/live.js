// Served by rlaudit serve: the page is loaded anew when there is a newer one. What is unfolded stays
// so, as do the switches and the place on the page; while text is selected nothing moves.
const alarm = document.createElement("p");
alarm.className = "alert";
alarm.setAttribute("role", "status");
alarm.hidden = true;
document.getElementById("main").prepend(alarm);

const parts = [...document.querySelectorAll("details")];
const unfolded = `${key}:unfolded`;

function name(part) {
  const section = part.closest("[aria-labelledby]");
  const text = part.querySelector("summary").textContent;
  return `${section ? section.getAttribute("aria-labelledby") : ""}/${text}`;
}

try {
  const open = JSON.parse(sessionStorage.getItem(unfolded) || "[]");
  for (const part of parts) if (open.includes(name(part))) part.open = true;
} catch { /* nothing is remembered */ }

async function ask() {
  let text = "";
  try {
    const answer = await fetch("state", { cache: "no-store" });
    const { state, problem } = await answer.json();
    if (state !== document.documentElement.dataset.state) {
      if (!getSelection().isCollapsed) return;
      const open = parts.filter((part) => part.open).map(name);
      try { sessionStorage.setItem(unfolded, JSON.stringify(open)); } catch { /* not remembered */ }
      location.reload();
      return;
    }
    if (problem) text = `This is what was read last. ${problem}`;
  } catch {
    text = "rlaudit serve does not answer; this is what was read last.";
  }
  if (alarm.textContent !== text) alarm.textContent = text;
  alarm.hidden = !text;
}

setInterval(ask, 3000);
