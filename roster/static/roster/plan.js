/* How far the solver is, asked for every second; the page is loaded anew once it is done. */
"use strict";

(() => {
  const LOOK_EVERY_MS = 1000;
  const RETRY_MS = 5000;
  const panel = document.getElementById("plan-progress");
  if (!panel) return;
  const part = (name) => panel.querySelector(`[data-${name}]`);

  function percent(gap) {
    return `${(gap * 100).toFixed(1).replace(/\.0$/, "")} %`;
  }

  function words(progress) {
    if (!progress.solutions) return "Looking for a first roster that keeps every rule.";
    const [nights, weekends, holidays] = progress.spread;
    const spread = `most minus least: ${nights} h of nights, ${weekends} h of weekends, ${holidays} h of holidays`;
    const gap = progress.gap === null ? "" : ` At most ${percent(progress.gap)} better is possible.`;
    return `Best so far, ${spread}.${gap}`;
  }

  function show({ state, progress }) {
    if (state === "solving") part("found").textContent = "The solver reads who may take which turn.";
    if (!progress.limit) return;
    part("bar").value = Math.min(progress.seconds / progress.limit, 1);
    part("time").textContent = `${Math.round(progress.seconds)} s of ${progress.limit} s at most`;
    part("found").textContent = words(progress);
  }

  async function look() {
    let wait = LOOK_EVERY_MS;
    try {
      const response = await fetch(panel.dataset.url, { cache: "no-store" });
      if (!response.ok || response.redirected) throw new Error(String(response.status));
      const answer = await response.json();
      if (answer.state !== "queued" && answer.state !== "solving") {
        location.reload();
        return;
      }
      show(answer);
    } catch {
      wait = RETRY_MS;
    }
    setTimeout(look, wait);
  }

  look();
})();
