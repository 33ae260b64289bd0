/* The mapping page: fields of a message are chosen where they are listed, and what comes of it shows
   at once. Without this file the lists and the Preview button do the same. */
"use strict";

(() => {
  const WAIT_MS = 350;
  const form = document.querySelector("form[data-mapping]");
  if (!form) return;
  let timer = 0;
  let asked = 0;

  function showUses() {
    for (const cell of form.querySelectorAll("[data-use]")) cell.hidden = false;
  }

  /* The parts are taken over from the answer, but not the one somebody is typing in. */
  function takeOver(html, whole) {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const old of form.querySelectorAll("[data-part]")) {
      const fresh = page.getElementById(old.id);
      if (!fresh || (!whole && old.contains(document.activeElement))) continue;
      const opened = [...old.querySelectorAll("details[open][id]")].map((each) => each.id);
      const node = document.importNode(fresh, true);
      for (const id of opened) node.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
      old.replaceWith(node);
    }
    showUses();
    return page;
  }

  async function preview(whole) {
    const number = ++asked;
    const data = new FormData(form);
    data.set("preview", "1");
    try {
      const response = await fetch(form.action || location.href, {
        method: "POST",
        body: data,
        headers: { "X-Requested-With": "fetch" },
      });
      const html = await response.text();
      if (number === asked && response.ok && !response.redirected) takeOver(html, whole);
    } catch {
      // The Preview button still works, and says what is wrong.
    }
  }

  function soon(event) {
    if (event.target.closest("[data-use]") || event.target.matches("[data-load]")) return;
    clearTimeout(timer);
    timer = setTimeout(preview, WAIT_MS, false);
  }

  form.addEventListener("input", soon);
  form.addEventListener("change", (event) => {
    const use = event.target.closest("[data-use]");
    if (!use) return;
    const target = form.querySelector(`select[name="${CSS.escape(event.target.value)}"]`);
    const path = use.closest("[data-path]").dataset.path;
    event.target.value = "";
    if (!target) return;
    target.value = path;
    const byHand = form.querySelector(`input[name="${CSS.escape(target.name)}_by_hand"]`);
    if (byHand) byHand.value = "";
    event.target.blur();
    preview(true);
  });
  // Without scripts, what is chosen in the list counts only if nothing is typed by hand.
  form.addEventListener("change", (event) => {
    if (!event.target.matches(".mu-pick select")) return;
    const byHand = form.querySelector(`input[name="${CSS.escape(event.target.name)}_by_hand"]`);
    if (byHand) byHand.value = "";
  });

  showUses();
})();
