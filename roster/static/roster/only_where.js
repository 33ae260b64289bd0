// What is asked only where another field says so is hidden elsewhere. A single field is then not
// sent either; rows of a list are, so that none of them is lost.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const rules = [
    { name: "coverage", value: "hours", part: "#coverage_windows-group" },
    { name: "kind", value: "temporary", part: "#shifts-group" },
    { name: "effect", value: "moment", part: ".field-takes_effect_at" },
  ];
  for (const { name, value, part } of rules) {
    const fields = [...document.querySelectorAll(`[name="${name}"]`)];
    const target = document.querySelector(part);
    if (!fields.length || !target) {
      continue;
    }
    const show = () => {
      const chosen = fields.find((field) => field.type !== "radio" || field.checked);
      const isAsked = Boolean(chosen) && chosen.value === value;
      target.style.display = isAsked ? "" : "none";
      if (!part.endsWith("-group")) {
        target.querySelectorAll("input").forEach((input) => {
          input.disabled = !isAsked;
        });
      }
    };
    fields.forEach((field) => field.addEventListener("change", show));
    show();
  }
});
