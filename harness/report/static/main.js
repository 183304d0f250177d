// The page comes alive: controls, pointer, keyboard, address, and one redraw a frame.

const element = (id) => document.getElementById(id);
const page = document.documentElement;
const scroller = element("scroller");
const grouping = element("grouping");
const ROWS_HEIGHT_MAX = 560;
const KEYS_MAX = 500; // more keys than this are typed, not picked

function draw() {
  const height = Math.min(Math.max(shown.lanes * PITCH, PITCH) + 2, ROWS_HEIGHT_MAX);
  view.width = Math.max(scroller.clientWidth, 240);
  drawOverview(element("overview"));
  if (FAULT_ROWS.length) drawFaults(element("faults"));
  if (hasClock && operations.count) {
    drawLatency(element("latency"));
    drawRate(element("rate"));
  }
  drawAxis(element("axis"));
  scroller.style.height = height + "px";
  element("spacer").style.height = Math.max(shown.lanes * PITCH - height, 0) + "px";
  const drawn = drawTimeline(element("rows"), scroller.scrollTop, height);
  page.dataset.drawn = drawn;
  page.dataset.shown = shown.count;
  element("count").textContent =
    `${shown.count.toLocaleString("en")} of ${operations.count.toLocaleString("en")} operations, ` +
    `${shown.rows.length} row${shown.rows.length === 1 ? "" : "s"}`;
}

let scheduled = false;
function redraw() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    draw();
  });
}

function rearrange() {
  arrange(grouping.value);
  redraw();
}

// Selection

function select(i, { reveal = false } = {}) {
  focus.selected = i;
  element("details").classList.toggle("empty", i < 0);
  element("details-title").textContent = i < 0 ? "Operation" : label(i);
  fillFacts(element("facts"), i < 0 ? [] : facts(i));
  page.dataset.selected = i < 0 ? "" : operations.index[i];
  for (const line of document.querySelectorAll("tr[data-op]")) {
    line.classList.toggle("selected", i >= 0 && Number(line.dataset.op) === operations.index[i]);
  }
  if (reveal && i >= 0) bringIntoView(i);
  redraw();
}

function bringIntoView(i) {
  const lane = laneOf(i);
  if (lane >= 0) {
    const top = lane * PITCH;
    const height = Math.min(shown.lanes * PITCH, ROWS_HEIGHT_MAX);
    if (top < scroller.scrollTop || top + PITCH > scroller.scrollTop + height) {
      scroller.scrollTop = top - height / 2;
    }
  }
  const span = view.to - view.from;
  if (operations.call[i] < view.from || operations.call[i] > view.to) {
    view.set(operations.call[i] - span / 2, operations.call[i] + span / 2);
  }
}

function zoomTo(members, pad = 0.6) {
  const from = Math.min(...members.map((i) => operations.call[i]));
  const to = Math.max(...members.map((i) => operations.end[i]));
  const room = Math.max((to - from) * pad, SPAN_MIN);
  view.set(from - room, to + room);
}

function setKey(id) {
  filter.key = id;
  element("key").value = id < 0 ? "" : text(id);
  rearrange();
}

/** Zoom to the counterexample and keep only the key it is about. */
function showCounterexample() {
  if (!counterexample.length) return;
  const keys = new Set(counterexample.map((i) => operations.key[i]));
  for (const box of document.querySelectorAll("input[data-outcome]")) box.checked = true;
  filter.outcomes.fill(true);
  setKey(keys.size === 1 ? operations.key[counterexample[0]] : -1);
  arrange(grouping.value);
  zoomTo(counterexample);
  select(culprit, { reveal: true });
  element("timeline").scrollIntoView({ block: "start" });
  redraw();
}

function step(direction) {
  if (focus.selected < 0) return select(shown.order[lowerBound(shown.calls, view.from)] ?? -1);
  const next = neighbour(focus.selected, direction);
  if (next >= 0) select(next, { reveal: true });
  return undefined;
}

const COMMANDS = {
  "zoom-in": () => view.zoom(2),
  "zoom-out": () => view.zoom(0.5),
  "pan-left": () => view.pan(-0.25),
  "pan-right": () => view.pan(0.25),
  fit: () => view.fit(),
  counterexample: showCounterexample,
  previous: () => step(-1),
  next: () => step(1),
  "zoom-selected": () => focus.selected >= 0 && zoomTo([focus.selected], 4),
  "only-key": () => focus.selected >= 0 && setKey(operations.key[focus.selected]),
  deselect: () => select(-1),
  "clear-key": () => setKey(-1),
};

const KEYS = {
  "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", ArrowLeft: "pan-left", ArrowRight: "pan-right",
  0: "fit", Home: "fit", c: "counterexample", p: "previous", n: "next", z: "zoom-selected",
  k: "only-key", a: "clear-key", Escape: "deselect",
};

// Pointer

/** Drag to pan, Shift and drag to choose a stretch; Ctrl and wheel to zoom. */
function listen(canvas, { at = () => -1, hint = () => "" } = {}) {
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { x: event.offsetX, from: view.from, to: view.to, moved: false, pick: event.shiftKey };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) return hover(event, at(event.offsetX, event.offsetY), hint(event.offsetX, event.offsetY));
    const shift = event.offsetX - drag.x;
    drag.moved ||= Math.abs(shift) > 3;
    if (drag.moved && !drag.pick) {
      const time = (shift / view.plotWidth) * (drag.to - drag.from);
      view.set(drag.from - time, drag.to - time);
    }
    return undefined;
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!drag) return;
    if (drag.pick && drag.moved) {
      const [from, to] = [view.time(drag.x), view.time(event.offsetX)].sort((a, b) => a - b);
      view.set(from, to);
    } else if (!drag.moved) {
      const i = at(event.offsetX, event.offsetY);
      if (i >= 0 || canvas.id === "rows") select(i);
    }
    drag = null;
  });
  canvas.addEventListener("pointercancel", () => (drag = null));
  canvas.addEventListener("pointerleave", () => hover(null, -1, ""));
  canvas.addEventListener("dblclick", (event) => view.zoom(4, view.time(event.offsetX)));
  canvas.addEventListener("wheel", onWheel, { passive: false });
}

function onWheel(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    event.preventDefault();
    view.zoom(Math.exp(-event.deltaY * 0.003), view.time(event.offsetX));
  } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    view.pan((event.deltaX || event.deltaY) / 900);
  }
}

function hover(event, i, hint) {
  const tip = element("tip");
  if (i !== focus.hovered) {
    focus.hovered = i;
    redraw();
  }
  const words = i >= 0 ? describe(i) : hint;
  tip.hidden = !words;
  if (!words) return;
  tip.textContent = words;
  tip.style.left = Math.min(event.clientX + 14, window.innerWidth - 330) + "px";
  tip.style.top = event.clientY + 18 + "px";
}

function describe(i) {
  const key = operations.key[i] >= 0 ? ` on ${text(operations.key[i])}` : "";
  const took = operations.answered[i] ? formatDuration(operations.end[i] - operations.call[i]) : "no response";
  return `#${operations.index[i]} ${label(i)}${key} · ${OUTCOME_WORDS[operations.outcome[i]]} · ${took}`;
}

/** On the overview a drag chooses the stretch to see, a click centres it. */
function listenOverview(canvas) {
  const time = (x) => ((x - GUTTER) / view.plotWidth) * EXTENT.to;
  let start = null;
  canvas.addEventListener("pointerdown", (event) => {
    start = event.offsetX;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (start === null || Math.abs(event.offsetX - start) < 4) return;
    const [from, to] = [time(start), time(event.offsetX)].sort((a, b) => a - b);
    view.set(from, to);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (start !== null && Math.abs(event.offsetX - start) < 4) {
      const span = view.to - view.from;
      view.set(time(start) - span / 2, time(start) + span / 2);
    }
    start = null;
  });
  canvas.addEventListener("dblclick", () => view.fit());
}

// Controls

function fillControls() {
  const keys = new Map();
  for (const id of operations.key) if (id >= 0) keys.set(text(id), id);
  element("key").hidden = element("key-label").hidden = keys.size < 2;
  const names = [...keys.keys()].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  element("keys").append(
    ...names.slice(0, KEYS_MAX).map((name) => {
      const option = document.createElement("option");
      option.value = name;
      return option;
    }),
  );
  element("key").addEventListener("input", (event) => {
    const id = keys.get(event.target.value);
    event.target.setCustomValidity(event.target.value && id === undefined ? "no such key" : "");
    if (id !== undefined || event.target.value === "") {
      filter.key = id ?? -1;
      rearrange();
    }
  });
  const fits = {
    client: data.concurrency !== null,
    process: true,
    node: operations.node.some((id) => id >= 0),
    key: keys.size > 0,
  };
  for (const option of [...grouping.options]) if (!fits[option.value]) option.remove();
  grouping.addEventListener("change", rearrange);
  for (const box of document.querySelectorAll("input[data-outcome]")) {
    box.addEventListener("change", () => {
      filter.outcomes[Number(box.dataset.outcome)] = box.checked;
      rearrange();
    });
  }
  for (const button of document.querySelectorAll("button[data-command]")) {
    button.addEventListener("click", () => COMMANDS[button.dataset.command]());
    if (button.dataset.command === "counterexample") button.hidden = !counterexample.length;
  }
  for (const line of document.querySelectorAll("tr[data-op]")) {
    const go = () => select(positionOfIndex.get(Number(line.dataset.op)) ?? -1, { reveal: true });
    line.addEventListener("click", go);
    line.addEventListener("keydown", (event) => event.key === "Enter" && go());
  }
  for (const line of document.querySelectorAll("tr[data-time]")) {
    const span = EXTENT.to / 20;
    const time = Number(line.dataset.time);
    line.addEventListener("click", () => view.set(time - span, time + span));
  }
  const copy = element("copy");
  copy?.addEventListener("click", () => {
    navigator.clipboard?.writeText(element("command").textContent);
    copy.textContent = "copied";
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea")) return;
  const inTimeline = event.target === document.body || event.target.closest("#timeline");
  const command = KEYS[event.key];
  if (!command || !inTimeline) return;
  event.preventDefault();
  COMMANDS[command]();
});

/** `#op=17` opens an operation, `#counterexample` the counterexample: links into a report. */
function followAddress() {
  const operation = /^#op=(\d+)$/.exec(location.hash);
  if (operation) {
    const i = positionOfIndex.get(Number(operation[1])) ?? -1;
    if (i >= 0) zoomTo([i], 20);
    select(i, { reveal: true });
  } else if (location.hash === "#counterexample") {
    showCounterexample();
  }
}

function start() {
  readInk();
  fillControls();
  view.onChange = redraw;
  view.width = Math.max(scroller.clientWidth, 240);
  arrange(grouping.value);
  view.fit();
  listen(element("rows"), { at: (x, y) => operationAt(x, y + scroller.scrollTop) });
  listen(element("latency"));
  listen(element("rate"));
  listen(element("faults"), { hint: faultAt });
  listen(element("axis"));
  listenOverview(element("overview"));
  scroller.addEventListener("scroll", redraw, { passive: true });
  new ResizeObserver(redraw).observe(scroller);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readInk();
    redraw();
  });
  window.addEventListener("hashchange", followAddress);
  element("faults").hidden = !FAULT_ROWS.length;
  element("charts").hidden = !hasClock || !operations.count;
  followAddress();
  draw();
  page.dataset.renderMs = (performance.now() - started).toFixed(1);
  page.dataset.rendered = operations.count;
}

start();
