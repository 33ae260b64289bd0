// The hours that must be covered are asked for only where the schedule says that they count.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const answer = document.getElementById("id_coverage");
  const hours = document.getElementById("coverage_windows-group");
  if (!answer || !hours) {
    return;
  }
  const show = () => {
    hours.hidden = answer.value !== "hours";
  };
  answer.addEventListener("change", show);
  show();
});
