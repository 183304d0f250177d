// The page comes alive: controls, pointer, keyboard, address, and one redraw a frame.

const element = (id) => document.getElementById(id);
const page = document.documentElement;
const canvas = element("diagram");
const overview = element("overview");
const OVERVIEW = 72;
const LANE_MIN = 58; // pixels; below that the page scrolls sideways

function draw() {
  const room = element("stage").clientWidth - OVERVIEW;
  axis.width = Math.max(room, GUTTER + LANE_MIN * hosts.length);
  const drawn = drawDiagram(canvas);
  drawOverview(overview, OVERVIEW);
  page.dataset.drawn = drawn;
  page.dataset.shown = shown.events.length;
  element("count").textContent = `${shown.events.length.toLocaleString("en")} of ` +
    `${count.toLocaleString("en")} events`;
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
  const time = axis.time((axis.from + axis.to) / 2);
  const span = axis.to - axis.from;
  arrange();
  const middle = axis.ofTime(time);
  axis.set(middle - span / 2, middle + span / 2);
  find(element("search").value);
}

// Selection

function select(i, { reveal = false } = {}) {
  focus.selected = i;
  element("details").classList.toggle("empty", i < 0);
  element("details-title").textContent = i < 0 ? "Event" : describe(i);
  element("facts").replaceChildren(
    ...(i < 0 ? [] : facts(i)).flatMap(([name, value]) => {
      const term = document.createElement("dt");
      const description = document.createElement("dd");
      term.textContent = name;
      description.textContent = value;
      return [term, description];
    }),
  );
  page.dataset.selected = i < 0 ? "" : i;
  if (reveal && i >= 0) show(axis.at(i));
  redraw();
}

/** Move until a place is in sight, and not at the very edge. */
function show(place) {
  const span = axis.to - axis.from;
  if (place < axis.from + span * 0.05) axis.set(place - span * 0.3, place + span * 0.7);
  else if (place > axis.to - span * 0.05) axis.set(place - span * 0.7, place + span * 0.3);
}

function showTime(time) {
  const place = axis.ofTime(time);
  axis.readable(place);
  const span = axis.to - axis.from;
  axis.set(place - span * 0.85, place + span * 0.15);
}

function setEven(isEven) {
  axis.setEven(isEven);
  element("spacing").value = isEven ? "even" : "time";
}

function setHost(lane) {
  filter.host = lane;
  element("host").value = String(lane);
  rearrange();
}

let matches = [];
function find(text) {
  matches = text ? search(text) : [];
  focus.found = new Set(matches.slice(0, 2000));
  element("matches").textContent = text ? `${matches.length.toLocaleString("en")} found` : "";
  redraw();
}

function nextMatch() {
  if (!matches.length) return;
  const next = matches.find((i) => i > focus.selected) ?? matches[0];
  select(next, { reveal: true });
}

const step = (direction) => {
  const from = focus.selected >= 0 ? focus.selected : shown.events[inSight(0)[0]];
  const next = from === undefined ? -1 : focus.selected < 0 ? from : neighbour(from, direction);
  if (next >= 0) select(next, { reveal: true });
};

const COMMANDS = {
  "zoom-in": () => axis.zoom(1.6),
  "zoom-out": () => axis.zoom(1 / 1.6),
  up: () => axis.pan(-0.2),
  down: () => axis.pan(0.2),
  "page-up": () => axis.pan(-0.9),
  "page-down": () => axis.pan(0.9),
  fit: () => axis.fit(),
  start: () => axis.set(0, axis.to - axis.from),
  end: () => axis.set(axis.length * 2 - (axis.to - axis.from), axis.length * 2),
  failure: () => data.failure && showTime(data.failure.at),
  moment: () => data.moment && showTime(data.moment[1]),
  previous: () => step(-1),
  next: () => step(1),
  across: () => focus.selected >= 0 && across(focus.selected) >= 0 &&
    select(across(focus.selected), { reveal: true }),
  spacing: () => setEven(!axis.isEven),
  search: () => element("search").focus(),
  deselect: () => select(-1),
  "all-types": () => setTypes(() => true),
  "no-types": () => setTypes(() => false),
};

const KEYS = {
  "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", ArrowUp: "up", ArrowDown: "down",
  PageUp: "page-up", PageDown: "page-down", Home: "start", End: "end", 0: "fit", f: "failure",
  n: "next", p: "previous", o: "across", t: "spacing", "/": "search", Escape: "deselect",
};

// Pointer

function listen() {
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { y: event.offsetY, from: axis.from, to: axis.to, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) return hover(event);
    const shift = event.offsetY - drag.y;
    drag.moved ||= Math.abs(shift) > 3;
    if (drag.moved) {
      const places = (shift / axis.plot) * (drag.to - drag.from);
      axis.set(drag.from - places, drag.to - places);
    }
    return undefined;
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) click(event.offsetX, event.offsetY);
    drag = null;
  });
  canvas.addEventListener("pointercancel", () => (drag = null));
  canvas.addEventListener("pointerleave", () => hover(null));
  canvas.addEventListener("dblclick", (event) => axis.zoom(2.5, axis.place(event.offsetY)));
  for (const each of [canvas, overview]) each.addEventListener("wheel", onWheel, { passive: false });
  listenOverview();
}

function click(x, y) {
  if (y >= HEAD) return select(eventAt(x, y));
  const lane = hosts.findIndex((_, each) => Math.abs(axis.x(each) - x) < axis.spacing / 2);
  return setHost(lane === filter.host ? -1 : lane);
}

/** The wheel moves through time and, at its ends, the page; with Ctrl it zooms. */
function onWheel(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    event.preventDefault();
    axis.zoom(Math.exp(-event.deltaY * 0.003), axis.place(event.offsetY));
  } else if (!event.shiftKey && Math.abs(event.deltaY) >= Math.abs(event.deltaX)) {
    const before = axis.from;
    axis.pan(event.deltaY / axis.plot);
    if (Math.abs(axis.from - before) > (axis.to - axis.from) * 1e-6) event.preventDefault();
  }
}

function listenOverview() {
  let isHeld = false;
  const go = (event) => {
    const place = ((event.offsetY - HEAD) / axis.plot) * axis.length;
    const half = (axis.to - axis.from) / 2;
    axis.set(place - half, place + half);
  };
  overview.addEventListener("pointerdown", (event) => {
    isHeld = true;
    overview.setPointerCapture(event.pointerId);
    go(event);
  });
  overview.addEventListener("pointermove", (event) => isHeld && go(event));
  overview.addEventListener("pointerup", () => (isHeld = false));
  overview.addEventListener("pointercancel", () => (isHeld = false));
}

function hover(event) {
  const tip = element("tip");
  const i = event ? eventAt(event.offsetX, event.offsetY) : -1;
  if (i !== focus.hovered) {
    focus.hovered = i;
    redraw();
  }
  const fault = event && i < 0 ? faultAt(event.offsetX, event.offsetY) : null;
  const words = i >= 0 ? `${timeText(times[i])}  ${describe(i)}` : fault ? fault.words : "";
  tip.hidden = !words;
  canvas.style.cursor = words || (event && event.offsetY < HEAD) ? "pointer" : "default";
  if (!words) return;
  tip.textContent = words;
  tip.style.left = Math.max(Math.min(event.clientX + 14, window.innerWidth - 340), 4) + "px";
  tip.style.top = event.clientY + 18 + "px";
}

// Controls

function setTypes(isOn) {
  filter.types = types.map((_, type) => isOn(type));
  for (const box of document.querySelectorAll("input[data-type]")) {
    box.checked = filter.types[Number(box.dataset.type)];
  }
  rearrange();
}

/** A box for each type of message, the most frequent first; a double click leaves it alone. */
function fillTypes() {
  const order = [...types.keys()].filter((type) => types[type]).sort((a, b) => rankOf[a] - rankOf[b]);
  element("types").append(...order.map((type) => {
    const label = document.createElement("label");
    const box = document.createElement("input");
    const swatch = document.createElement("i");
    box.type = "checkbox";
    box.checked = true;
    box.dataset.type = type;
    box.addEventListener("change", () => {
      filter.types[type] = box.checked;
      rearrange();
    });
    label.addEventListener("dblclick", () => setTypes((each) => each === type));
    swatch.className = "type" + (rankOf[type] % COLOURS);
    label.append(box, swatch, `${types[type]} ${sentOf[type].toLocaleString("en")}`);
    return label;
  }));
}

function fillControls() {
  fillTypes();
  element("host").append(...hosts.map((host, lane) => new Option(`only ${host}`, lane)));
  element("host").addEventListener("change", (event) => setHost(Number(event.target.value)));
  element("spacing").addEventListener("change", (event) => setEven(event.target.value === "even"));
  element("search").addEventListener("input", (event) => find(event.target.value));
  element("search").addEventListener("keydown", (event) => event.key === "Enter" && nextMatch());
  for (const button of document.querySelectorAll("button[data-command]")) {
    button.addEventListener("click", () => COMMANDS[button.dataset.command]());
  }
  for (const line of document.querySelectorAll("tr[data-time]")) {
    line.addEventListener("click", () => {
      showTime(Number(line.dataset.time));
      element("work").scrollIntoView({ block: "start" });
    });
  }
  element("copy").addEventListener("click", (event) => {
    navigator.clipboard?.writeText(element("command").textContent);
    event.target.textContent = "copied";
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const command = KEYS[event.key];
  if (!command) return;
  event.preventDefault();
  COMMANDS[command]();
});

/** `#event=17` opens an event: links into a diagram. */
function followAddress() {
  const event = /^#event=(\d+)$/.exec(location.hash);
  if (event && Number(event[1]) < count) {
    axis.readable(axis.at(Number(event[1])));
    select(Number(event[1]), { reveal: true });
  }
}

function start() {
  readInk();
  arrange();
  fillControls();
  const resize = () => {
    axis.height = Math.max(Math.min(window.innerHeight - 90, 1400), 360);
    redraw();
  };
  resize();
  axis.onChange = redraw;
  axis.readable(0);
  if (data.failure) showTime(data.failure.at);
  listen();
  new ResizeObserver(redraw).observe(element("stage"));
  window.addEventListener("resize", resize);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readInk();
    redraw();
  });
  window.addEventListener("hashchange", followAddress);
  followAddress();
  draw();
  page.dataset.renderMs = (performance.now() - started).toFixed(1);
  page.dataset.rendered = count;
}

start();
