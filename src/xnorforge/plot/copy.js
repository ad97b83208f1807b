// A click on a point copies the command that makes it.
document.documentElement.classList.add("copies");
document.addEventListener("click", (event) => {
  const point = event.target.closest("[data-copy]");
  if (!point) return;
  const words = point.dataset.copy, field = Object.assign(document.createElement("textarea"), { value: words });
  const said = Object.assign(document.createElement("output"), { className: "copied", textContent: `copied: ${words}` });
  document.querySelectorAll("output.copied").forEach((old) => old.remove());
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  if (navigator.clipboard) navigator.clipboard.writeText(words).catch(() => {});
  document.body.append(said);
  setTimeout(() => said.remove(), 2500);
});
