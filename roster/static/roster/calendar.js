/* The roster's calendar pages: draws the timeline from the values on the page, fetches others as one
   moves about, and opens a span. Without this file the page is a list, and its links still work. */
"use strict";

(() => {
  const board = document.getElementById("roster-board");
  if (!board) return;

  const PHONE = matchMedia("(max-width: 767px)");
  const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];
  // How narrow a day may get, in pixels, before the timeline scrolls sideways.
  const NARROWEST = { day: 720, "two-weeks": 60, month: 30 };
  // The first of these whose slots stay legible draws the hours: slot in hours, day in pixels.
  const SLOTS = [[1, 600], [3, 240], [6, 100], [12, 0]];
  const LABELLED = 24; // pixels a slot needs to carry its hour
  const TYPING = "input, textarea, select, [contenteditable]";
  const VIEW_KEYS = { d: "day", w: "two-weeks", m: "month" };

  const timeline = document.getElementById("roster-timeline");
  const title = document.getElementById("roster-title");
  const status = document.getElementById("roster-status");
  const list = document.getElementById("roster-list");
  const dialog = document.getElementById("roster-dialog");
  const filter = document.getElementById("roster-filter");

  let data = JSON.parse(document.getElementById("roster-data").textContent);
  let zoom = 0;
  let draws = 0;
  let dayWidth = 0;
  let fetching = null;

  function make(name, className = "", text = "") {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text) element.textContent = text;
    return element;
  }

  /* --- What the timeline is given ----------------------------------------------------------- */

  /* The timeline takes an offset of nothing for the browser's own: a minute beside it does not. */
  function offset() {
    return data.offset === "+00:00" ? "+00:01" : data.offset;
  }

  function mode() {
    return PHONE.matches ? "list" : "timeline";
  }

  function minuteAfter(reading) {
    return new Date(Date.parse(`${reading}Z`) + 60_000).toISOString().slice(0, 16);
  }

  /** What a phone lists: from now on, since days that are over are a long way to scroll. */
  function listed() {
    const spans = data.spans.filter((span) => span.isFinal);
    return spans.every((span) => span.isPast) ? spans : spans.filter((span) => !span.isPast);
  }

  function asEvent(span) {
    const isList = mode() === "list";
    const classNames = ["rc-span", `rc-${span.tone}`];
    if (span.isPast) classNames.push("is-past");
    if (span.isOffered) classNames.push("is-offered");
    if (span.goesOn[0]) classNames.push("goes-on-left");
    if (span.goesOn[1]) classNames.push("goes-on-right");
    return {
      // A new name each time: the timeline keeps what it knows by name.
      id: `${draws}-${span.id}`,
      resourceId: span.row,
      start: span.start,
      // In the list a span stands once, under the day it begins on.
      end: isList ? minuteAfter(span.start) : span.end,
      title: span.title,
      classNames,
      styles: span.hue === null ? [] : [`--hue: ${span.hue}`],
      extendedProps: { span },
    };
  }

  function background() {
    const resourceIds = data.rows.map((row) => row.id);
    const all = { resourceIds, display: "background", title: "" };
    const found = Object.keys(data.holidays).map((day) => (
      { ...all, id: `${draws}-${day}`, start: `${day}T00:00`, end: `${day}T24:00`, classNames: ["rc-holiday"] }
    ));
    const start = `${data.from}T00:00`;
    if (data.now > start) found.push({ ...all, id: `${draws}-past`, start, end: data.now, classNames: ["rc-past"] });
    return found;
  }

  function content(info) {
    const { span } = info.event.extendedProps;
    if (!span) return undefined;
    if (mode() === "list") {
      const line = make("div", "rc-line");
      line.append(make("strong", "", span.title), make("span", "mu-subtle", span.about.when));
      if (board.dataset.combined !== undefined) line.append(make("span", "mu-subtle", span.about.schedule));
      if (span.about.warnings.length) line.append(make("span", "mu-danger", span.about.warnings.join(" ")));
      return { domNodes: [line] };
    }
    const nodes = span.away.map(([left, width]) => {
      const stripes = make("span", "rc-away");
      stripes.style.left = `${left}%`;
      stripes.style.width = `${width}%`;
      return stripes;
    });
    nodes.push(make("h4", "ec-event-title", `${span.isOffered ? "⇄ " : ""}${fitting(span)}`));
    return { domNodes: nodes };
  }

  /** As much of the name as its span has room for: whole, the first name, the initials. */
  function fitting(span) {
    const room = ((Date.parse(`${span.end}Z`) - Date.parse(`${span.start}Z`)) / 86_400_000) * dayWidth;
    const words = span.title.split(" ");
    if (span.hue === null || room > span.title.length * 8 + 12) return span.title;
    if (room > words[0].length * 8 + 12) return words[0];
    return words.map((word) => word[0]).join("").slice(0, 2);
  }

  function spoken(span) {
    const { about } = span;
    return [about.who, about.when, ...about.why, ...about.warnings].join(", ");
  }

  function dayHead(date) {
    const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
      .map((part) => String(part).padStart(2, "0")).join("-");
    const holiday = data.holidays[day];
    const nodes = [
      make("span", "rc-weekday", date.toLocaleDateString("en-GB", { weekday: data.view === "day" ? "long" : "short" })),
      make("span", "rc-date", date.toLocaleDateString("en-GB", { day: "numeric", ...(data.view === "month" ? {} : { month: "short" }) })),
    ];
    if (holiday) {
      const mark = make("span", "rc-holiday-name", holiday);
      mark.title = holiday;
      nodes.push(mark);
    }
    return { domNodes: nodes };
  }

  function rowHead({ resource }) {
    const { row } = resource.extendedProps;
    if (!row) return ""; // the timeline stands one in before it has any
    const head = make("span", "rc-row");
    if (board.dataset.combined === undefined) head.append(make("strong", "", row.title));
    else {
      const link = make("a", "mu-link", row.title);
      link.href = row.url;
      head.append(link);
    }
    if (row.note) head.append(make("span", "mu-subtle", row.note));
    head.title = row.title;
    return { domNodes: [head] };
  }

  /* --- How large ---------------------------------------------------------------------------- */

  function scale() {
    const sidebar = timeline.querySelector(".ec-sidebar")?.offsetWidth || 190;
    const room = (timeline.clientWidth - sidebar - 2) / data.days;
    const day = Math.max(room, NARROWEST[data.view]) * ZOOMS[zoom];
    const [hours] = SLOTS.find(([, least]) => day >= least);
    const slotWidth = (day * hours) / 24;
    dayWidth = day;
    return { slotWidth, slotDuration: { hours }, isLabelled: slotWidth >= LABELLED };
  }

  function resize() {
    const { slotWidth, slotDuration, isLabelled } = scale();
    calendar.setOption("slotDuration", slotDuration);
    calendar.setOption("slotWidth", slotWidth);
    calendar.setOption("eventContent", (info) => content(info)); // what fits has changed
    timeline.classList.toggle("is-unlabelled", !isLabelled);
    for (const button of board.querySelectorAll("[data-zoom]")) {
      button.disabled = !(zoom + Number(button.dataset.zoom) in ZOOMS);
    }
  }

  function changeZoom(by) {
    if (!(zoom + by in ZOOMS)) return;
    zoom += by;
    resize();
  }

  /* --- Drawing ------------------------------------------------------------------------------ */

  const views = {};
  for (const days of [1, 14, 28, 29, 30, 31]) {
    views[`timeline${days}`] = { type: "resourceTimelineDay", duration: { days } };
    views[`list${days}`] = { type: "listDay", duration: { days } };
  }

  const first = scale();
  const calendar = EventCalendar.create(timeline, {
    view: `${mode()}${data.days}`,
    views,
    date: data.from,
    events: [],
    resources: [],
    timeZone: offset(),
    locale: "en-GB",
    firstDay: 1,
    headerToolbar: { start: "", center: "", end: "" },
    nowIndicator: true,
    scrollTime: "00:00",
    slotWidth: first.slotWidth,
    slotDuration: first.slotDuration,
    snapDuration: { hours: 1 }, // how exactly a click beside the spans is meant
    slotLabelInterval: 0,
    slotLabelFormat: { hour: "2-digit" },
    dayHeaderFormat: dayHead,
    listDayFormat: { weekday: "long" },
    listDaySideFormat: { day: "numeric", month: "long" },
    noEventsContent: "Nobody is on call, and nobody has to be.",
    resourceLabelContent: rowHead,
    eventContent: content,
    eventDidMount: ({ el, event }) => {
      const { span } = event.extendedProps;
      if (!span) return;
      el.setAttribute("aria-label", spoken(span));
      el.title = `${span.about.who}\n${span.about.when}`;
    },
    eventClick: ({ event, jsEvent }) => {
      jsEvent.preventDefault(); // or Enter would press the first button of the dialog, too
      open(event.extendedProps.span);
    },
    dateClick: ({ resource, dateStr }) => overrideFrom(resource, dateStr),
  });

  function draw() {
    draws += 1;
    title.textContent = data.title;
    timeline.dataset.shown = data.view;
    calendar.setOption("timeZone", offset());
    calendar.setOption("date", data.from);
    calendar.setOption("view", `${mode()}${data.days}`);
    calendar.setOption("dayHeaderFormat", (date) => dayHead(date));
    calendar.setOption("resources", data.rows.map((row) => ({ id: row.id, title: row.title, extendedProps: { row } })));
    const spans = mode() === "list" ? listed() : data.spans;
    calendar.setOption("events", [...spans.map(asEvent), ...(mode() === "list" ? [] : background())]);
    resize();
    requestAnimationFrame(resize); // once the names of the rows have their width
    for (const link of board.querySelectorAll("[data-view]")) {
      if (link.dataset.view === data.view) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    board.querySelector(".rc-zoom").hidden = mode() === "list";
    board.querySelector(".rc-keys").hidden = mode() === "list";
  }

  function fillList() {
    const rows = data.spans.filter((span) => span.isFinal).map((span) => {
      const row = make("tr", span.isPast ? "is-past" : "");
      const cell = (label, text, className = "") => {
        const made = make("td", className, text);
        made.dataset.label = label;
        row.append(made);
        return made;
      };
      if (board.dataset.combined !== undefined) cell("Schedule", span.about.schedule);
      cell("Who", span.title, span.tone === "gap" ? "mu-danger" : "");
      cell("When", span.about.when);
      const why = cell("Why", span.about.why.join(" "));
      if (span.about.warnings.length) why.append(" ", make("span", "mu-danger", span.about.warnings.join(" ")));
      return row;
    });
    list.querySelector("tbody").replaceChildren(...rows);
  }

  /* --- Moving about ------------------------------------------------------------------------- */

  function query(view, from) {
    const asked = filter ? new URLSearchParams(new FormData(filter)) : new URLSearchParams();
    for (const [name, value] of [...asked]) if (!value) asked.delete(name);
    asked.set("view", view);
    if (from) asked.set("from", from);
    else asked.delete("from");
    return asked.toString();
  }

  async function show(view, from) {
    const asked = query(view, from);
    fetching?.abort();
    fetching = new AbortController();
    board.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`${board.dataset.url}?${asked}`, { signal: fetching.signal, headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      data = await answer.json();
    } catch (error) {
      if (error.name === "AbortError") return;
      status.textContent = "The calendar could not be loaded. Reload the page.";
      board.removeAttribute("aria-busy");
      return;
    }
    board.removeAttribute("aria-busy");
    const page = `${board.dataset.page}?${query(data.view, data.from)}`;
    if (!showCards()) {
      location.assign(page); // rows that the page was not opened with
      return;
    }
    history.replaceState(null, "", page);
    status.textContent = data.rows.length ? "" : "No schedule fits this.";
    timeline.hidden = list.hidden = !data.rows.length;
    if (filter) {
      filter.elements.view.value = data.view;
      filter.elements.from.value = data.from;
    }
    draw();
    fillList();
  }

  /** Show the cards of the schedules that are drawn; false if one of them has no card. */
  function showCards() {
    const cards = [...document.querySelectorAll("[data-schedule]")];
    if (board.dataset.combined === undefined) return true;
    const drawn = new Set(data.rows.map((row) => row.id));
    for (const card of cards) card.hidden = !drawn.has(card.dataset.schedule);
    const known = new Set(cards.map((card) => card.dataset.schedule));
    return [...drawn].every((id) => known.has(id));
  }

  function go(where) {
    const from = { earlier: data.earlier, later: data.later, today: "" }[where];
    show(data.view, from);
  }

  /** From today's period to today's, and from any other one to the one around its first day. */
  function change(view) {
    if (view === data.view) return;
    const isHere = data.now >= data.from && data.now.slice(0, 10) < data.later;
    show(view, isHere ? data.now.slice(0, 10) : data.from);
  }

  /* --- A span opened ------------------------------------------------------------------------ */

  function open(span) {
    const { about } = span;
    dialog.querySelector("h2").textContent = about.who;
    const lines = [];
    if (board.dataset.combined !== undefined) lines.push(make("p", "mu-subtle", about.schedule));
    const when = make("p", "mu-strong", about.when);
    when.append(make("span", "mu-subtle", ` ${about.zone}`));
    lines.push(when);
    if (about.theirs) lines.push(make("p", "mu-subtle", `For them: ${about.theirs}`));
    lines.push(...about.why.map((text) => make("p", "", text)));
    lines.push(...about.warnings.map((text) => make("p", "mu-danger", text)));
    if (span.isPast) lines.push(make("p", "mu-subtle", "This is over, and stays as it was."));
    dialog.querySelector(".rc-about").replaceChildren(...lines);
    dialog.querySelector(".mu-buttons").replaceChildren(...span.links.map((link, number) => {
      const button = make("a", number ? "mu-button" : "mu-button mu-primary", link.label);
      button.href = link.url;
      return button;
    }));
    dialog.showModal();
  }

  function overrideFrom(resource, dateStr) {
    const url = resource?.extendedProps.row.override;
    if (!url) return;
    const start = dateStr.slice(0, 16);
    location.assign(start > data.now ? `${url}&start=${encodeURIComponent(start)}` : url);
  }

  /* --- Hands -------------------------------------------------------------------------------- */

  board.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    const target = event.target.closest("[data-go], [data-view], [data-zoom], [data-close]");
    if (event.target === dialog || target?.dataset.close !== undefined) dialog.close();
    if (!target) return;
    const { go: where, view, zoom: by } = target.dataset;
    if (where || view) event.preventDefault();
    if (where) go(where);
    if (view) change(view);
    if (by) changeZoom(Number(by));
  });

  document.addEventListener("keydown", (event) => {
    const isHere = event.target === document.body || board.contains(event.target);
    if (!isHere || dialog.open || event.target.closest(TYPING)) return;
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "arrowleft") go("earlier");
    else if (key === "arrowright") go("later");
    else if (key === "t") go("today");
    else if (key in VIEW_KEYS) change(VIEW_KEYS[key]);
    else if (key === "+" || key === "=") changeZoom(1);
    else if (key === "-") changeZoom(-1);
    else return;
    event.preventDefault();
  });

  if (filter) {
    let waiting = 0;
    const soon = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => show(data.view, data.from), 250);
    };
    filter.addEventListener("input", soon);
    filter.addEventListener("submit", (event) => {
      event.preventDefault();
      show(data.view, data.from);
    });
    filter.querySelector("button").hidden = true;
  }

  PHONE.addEventListener("change", draw);
  let width = timeline.clientWidth;
  new ResizeObserver(() => {
    if (timeline.clientWidth === width) return;
    width = timeline.clientWidth;
    resize();
  }).observe(timeline);

  list.open = false;
  draw();
  // All schedules over two weeks are a long way to scroll on a phone.
  const isChosen = new URLSearchParams(location.search).has("view");
  if (PHONE.matches && board.dataset.combined !== undefined && !isChosen) show("day", "");
})();
