/* Muster in the browser: forms that never lose what was typed, pages that keep themselves current.
   Everything works without this file too; it only spares reloads. */
"use strict";

(() => {
  const POLL_MS = 10_000;
  const RETRY_MS = 20_000;
  const MESSAGE_MS = 20_000;
  const FETCH = { "X-Requested-With": "fetch" };

  /* --- Ages and countdowns ---------------------------------------------------------------- */

  function spell(seconds) {
    const s = Math.floor(Math.abs(seconds));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) {
      const minutes = String(Math.floor((s % 3600) / 60)).padStart(2, "0");
      return `${Math.floor(s / 3600)} h ${minutes} min`;
    }
    return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  }

  function tick() {
    const now = Date.now();
    for (const element of document.querySelectorAll("[data-since]")) {
      const gone = (now - Date.parse(element.dataset.since)) / 1000;
      if (element.dataset.plain !== undefined) element.textContent = spell(gone);
      else if (gone < 0) element.textContent = `in ${spell(gone)}`;
      else element.textContent = gone < 10 ? "just now" : `${spell(gone)} ago`;
    }
    for (const element of document.querySelectorAll("[data-due]")) {
      const left = (Date.parse(element.dataset.due) - now) / 1000;
      element.classList.toggle("is-overdue", left < 0);
      element.textContent = left < 0 ? `${spell(left)} overdue` : `in ${spell(left)}`;
    }
  }

  /* --- What someone is in the middle of --------------------------------------------------- */

  function isDirty(field) {
    if (field.type === "hidden" || field.type === "submit") return false;
    if (field.type === "checkbox" || field.type === "radio") {
      return field.checked !== field.defaultChecked;
    }
    if (field instanceof HTMLSelectElement) {
      const chosen = [...field.options].filter((option) => option.defaultSelected);
      if (!chosen.length && !field.multiple) return field.selectedIndex > 0;
      return [...field.options].some((option) => option.selected !== option.defaultSelected);
    }
    return field.value !== field.defaultValue;
  }

  function isBusy(element) {
    const focused = document.activeElement;
    if (focused && element.contains(focused) && focused.matches("input, textarea, select")) return true;
    return [...element.querySelectorAll("input, textarea, select")].some(isDirty);
  }

  /* --- Taking over the fresh parts of a page ---------------------------------------------- */

  function newestEntry(root) {
    const ids = [...root.querySelectorAll("[data-entry]")].map((entry) => Number(entry.dataset.entry));
    return Math.max(0, ...ids);
  }

  function replace(old, fresh) {
    const opened = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
    const newest = newestEntry(old);
    const node = document.importNode(fresh, true);
    for (const id of opened) node.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    if (newest) {
      for (const entry of node.querySelectorAll("[data-entry]")) {
        entry.classList.toggle("is-new", Number(entry.dataset.entry) > newest);
      }
    }
    old.replaceWith(node);
  }

  /* What was just done stays readable for a while; the next poll knows nothing of it any more. */
  function keepMessages() {
    const box = document.getElementById("mu-messages");
    if (!box?.children.length) return;
    box.dataset.kept = "yes";
    setTimeout(() => {
      if (box.isConnected) box.replaceChildren();
      delete box.dataset.kept;
    }, MESSAGE_MS);
  }

  function takeOver(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const said = page.getElementById("mu-messages")?.children.length;
    for (const old of document.querySelectorAll("[data-live]")) {
      if (old.dataset.kept && !said) continue;
      const fresh = page.getElementById(old.id);
      if (fresh && !isBusy(old)) replace(old, fresh);
    }
    // A panel that had nothing to show until now; its order in the column is in its style.
    for (const fresh of page.querySelectorAll("[data-slot]")) {
      if (document.getElementById(fresh.id)) continue;
      document.getElementById(fresh.parentElement.id)?.append(document.importNode(fresh, true));
    }
    tick();
    if (said) keepMessages();
  }

  /* --- Keeping the page current ----------------------------------------------------------- */

  const live = { url: null, every: POLL_MS, etag: "", at: Date.now(), timer: 0, running: false };

  function stamp(state, text) {
    const sign = document.getElementById("mu-live");
    if (!sign) return;
    sign.dataset.state = state;
    sign.textContent = text || `updated ${spell((Date.now() - live.at) / 1000)} ago`;
  }

  function isLogin(response) {
    return response.redirected && new URL(response.url).pathname.includes("/login/");
  }

  async function refresh() {
    clearTimeout(live.timer);
    if (!live.url || live.running) return;
    live.running = true;
    let wait = live.every;
    try {
      const headers = live.etag ? { ...FETCH, "If-None-Match": live.etag } : FETCH;
      const response = await fetch(live.url, { headers, cache: "no-store" });
      if (isLogin(response)) {
        stamp("broken", "You are logged out. Log in again in another tab; what you typed stays here.");
        wait = RETRY_MS;
      } else if (response.status === 404 || response.status === 403) {
        stamp("broken", "You may no longer see this incident.");
        return;
      } else if (!response.ok && response.status !== 304) {
        throw new Error(String(response.status));
      } else {
        if (response.status !== 304) takeOver(await response.text());
        live.etag = response.headers.get("ETag") || live.etag;
        live.at = Date.now();
        stamp("live");
      }
    } catch {
      stamp("broken", `No answer for ${spell((Date.now() - live.at) / 1000)}. Trying again.`);
      wait = RETRY_MS;
    } finally {
      live.running = false;
    }
    if (!document.hidden) live.timer = setTimeout(refresh, wait);
  }

  function watch() {
    const page = document.querySelector("[data-live-url]");
    if (!page) return;
    live.url = page.dataset.liveUrl;
    stamp("live");
    if (page.dataset.liveSeconds) live.every = page.dataset.liveSeconds * 1000;
    live.timer = setTimeout(refresh, live.every);
    setInterval(() => {
      const sign = document.getElementById("mu-live");
      if (sign && sign.dataset.state !== "broken" && !document.hidden) stamp("live");
    }, 1000);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) clearTimeout(live.timer);
      else refresh();
    });
  }

  /* --- Forms ------------------------------------------------------------------------------ */

  function csrfToken() {
    return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  }

  function complain(form, text) {
    let note = form.querySelector("[data-complaint]");
    if (!note) {
      note = document.createElement("p");
      note.className = "mu-note";
      note.dataset.tone = "red";
      note.dataset.complaint = "";
      note.setAttribute("role", "alert");
      form.prepend(note);
    }
    note.textContent = text;
  }

  function showSheet(html) {
    const sheet = new DOMParser().parseFromString(html, "text/html").querySelector("[data-sheet]");
    if (!sheet) return false;
    let dialog = document.getElementById("mu-dialog");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "mu-dialog";
      dialog.className = "mu-dialog";
      document.body.append(dialog);
    }
    dialog.replaceChildren(document.importNode(sheet, true));
    if (!dialog.open) dialog.showModal();
    const first = ["[aria-invalid='true']", "[autofocus]", "textarea, select, input:not([type=hidden])"]
      .map((selector) => dialog.querySelector(selector))
      .find(Boolean);
    first?.focus();
    prepare(dialog);
    return true;
  }

  function closeDialog() {
    document.getElementById("mu-dialog")?.close();
  }

  async function openDialog(link) {
    try {
      const response = await fetch(link.href, { headers: FETCH });
      if (!response.ok || isLogin(response) || !showSheet(await response.text())) {
        location.assign(link.href);
      }
    } catch {
      location.assign(link.href);
    }
  }

  async function arrive(url, form) {
    const target = new URL(url, location.href);
    if (live.url && target.pathname === location.pathname) {
      const isInDialog = form.closest("dialog");
      form.reset();
      form.querySelector("[data-complaint]")?.remove();
      if (document.activeElement && form.contains(document.activeElement)) document.activeElement.blur();
      if (isInDialog) closeDialog();
      const response = await fetch(target, { headers: FETCH, cache: "no-store" });
      if (response.ok && !isLogin(response)) {
        live.etag = "";
        takeOver(await response.text());
        return;
      }
    }
    if (target.pathname === location.pathname) location.reload();
    else location.assign(target);
  }

  async function send(form, submitter) {
    const body = new FormData(form, submitter);
    if (csrfToken()) body.set("csrfmiddlewaretoken", csrfToken());
    const buttons = [...form.querySelectorAll("button"), ...(submitter ? [submitter] : [])];
    for (const button of buttons) button.disabled = true;
    try {
      const response = await fetch(form.action, { method: "POST", body, headers: FETCH });
      const next = response.headers.get("HX-Redirect");
      if (isLogin(response)) {
        complain(form, "You are logged out. Log in again in another tab, then press the button once more.");
      } else if (next) {
        await arrive(next, form);
      } else if (response.status === 403) {
        complain(form, "You are logged out, or may not do this. Log in again in another tab, then press the button once more: what you typed stays here.");
      } else if (response.status === 404) {
        complain(form, "This is no longer here. Reload the page.");
      } else if (response.status >= 500 || !showSheet(await response.text())) {
        complain(form, "The server could not do this. Nothing you typed is lost; try again in a moment.");
      }
    } catch {
      complain(form, "No answer from the server. Nothing you typed is lost; try again.");
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !form.matches("form[data-post]")) return;
    event.preventDefault();
    send(form, event.submitter);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      openDialog(link);
      return;
    }
    const closer = event.target.closest("[data-close]");
    if (closer && closer.closest("dialog")) {
      event.preventDefault();
      closeDialog();
      return;
    }
    const copier = event.target.closest("[data-copy]");
    if (copier) {
      navigator.clipboard?.writeText(document.getElementById(copier.dataset.copy).textContent);
      copier.textContent = "Copied";
    }
  });

  /* --- Keys ------------------------------------------------------------------------------- */

  document.addEventListener("keydown", (event) => {
    const field = event.target;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && field.matches("form[data-post] textarea")) {
      event.preventDefault();
      field.form.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || field.matches("input, textarea, select")) return;
    if (document.querySelector("dialog[open]")) return;
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!target) return;
    event.preventDefault();
    if (target.matches("textarea, input")) target.focus();
    else target.click();
  });

  /* --- Declaring: two answers propose a severity ------------------------------------------ */

  function prepare(root) {
    const form = root.querySelector("form[data-matrix]");
    if (!form || form.dataset.ready) return;
    form.dataset.ready = "yes";
    const matrix = JSON.parse(root.querySelector(`#${form.dataset.matrix}`).textContent);
    const verdict = form.querySelector("[data-verdict]");
    const reason = form.querySelector("[data-reason]");
    const propose = () => {
      const answers = new FormData(form);
      const proposed = matrix[`${answers.get("extent")}:${answers.get("degree")}`];
      const chosen = answers.get("severity");
      verdict.replaceChildren();
      const chip = document.createElement("span");
      chip.className = "mu-chip";
      if (proposed) {
        chip.dataset.tone = proposed.tone;
        chip.textContent = proposed.name;
        verdict.append(chip, ` ${proposed.description}`);
      } else {
        verdict.append("Answer both questions and the severity follows.");
      }
      reason.hidden = !chosen || (proposed && String(proposed.id) === chosen);
    };
    form.addEventListener("input", propose);
    propose();
  }

  document.addEventListener("DOMContentLoaded", () => {
    tick();
    keepMessages();
    setInterval(tick, 5000);
    watch();
    prepare(document);
  });
})();
