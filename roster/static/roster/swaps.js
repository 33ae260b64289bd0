/* Choosing another shift shows its form at once; without this file there is a button for it. */
"use strict";

for (const form of document.querySelectorAll("form[data-go]")) {
  form.querySelector("[data-no-script]")?.remove();
  form.addEventListener("change", (event) => {
    // Another person has other shifts: the one that was chosen means nothing any more.
    if (event.target.name === "person") form.querySelector("[name=shift]")?.remove();
    form.submit();
  });
}
