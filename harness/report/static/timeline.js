// The operations themselves: bars in lanes, drawn only where they are visible.
//
// Zoomed out, many operations share a pixel; each lane then draws the most telling one:
// counterexample before unknown before failed before ok.

const BAR = 13; // height of a bar
const PITCH = 18; // distance from lane to lane
const focus = { selected: -1, hovered: -1 };

const boxes = { read: [], ok: [], fail: [], unknown: [], tail: [], suspect: [] };

function styleOf(i) {
  if (operations.suspect[i]) return "suspect";
  if (operations.outcome[i] === UNKNOWN) return "unknown";
  if (operations.outcome[i] === FAIL) return "fail";
  return isReader[operations.f[i]] ? "read" : "ok";
}

const WEIGHT = { read: 0, ok: 1, fail: 2, unknown: 3, suspect: 4 };

/** Draw the lanes between two scroll positions; returns how many operations they show. */
function drawTimeline(canvas, scrollTop, height) {
  const pen = openCanvas(canvas, height);
  pen.font = FONT;
  characterWidth = pen.measureText("0").width;
  for (const list of Object.values(boxes)) list.length = 0;
  const visible = visibleRows(scrollTop, height);
  stripes(pen, visible, scrollTop);
  clipPlot(pen, height);
  timeGrid(pen, height);
  wash(pen, height);
  let drawn = 0;
  for (const row of visible) {
    row.lanes.forEach((lane, position) => {
      const top = (row.top + position) * PITCH - scrollTop + 3;
      if (top > -PITCH && top < height) drawn += collect(lane, top);
    });
  }
  paint(pen);
  drawFocus(pen, scrollTop);
  pen.restore();
  pen.font = FONT_LABEL;
  for (const row of visible) {
    const y = (row.top + 0.5) * PITCH - scrollTop;
    gutterText(pen, row.name, Math.max(y, Math.min(10, y + (row.lanes.length - 1) * PITCH)));
  }
  return drawn;
}

function visibleRows(scrollTop, height) {
  const tops = shown.rows.map((row) => row.top);
  const first = Math.max(lowerBound(tops, scrollTop / PITCH) - 1, 0);
  const last = lowerBound(tops, (scrollTop + height) / PITCH + 1);
  return shown.rows.slice(first, last);
}

function stripes(pen, visible, scrollTop) {
  pen.fillStyle = ink.row;
  for (const row of visible) {
    pen.fillRect(0, (row.top + row.lanes.length) * PITCH - scrollTop - 1, view.width, 1);
  }
}

/** Turn the visible operations of one lane into boxes, one a pixel at most. */
function collect(lane, top) {
  let drawn = 0;
  let pending = null;
  const start = Math.max(firstEndingAfter(lane, view.from) - 1, 0); // the one before may have a tail
  for (let position = start; position < lane.length; position++) {
    const i = lane[position];
    if (operations.call[i] > view.to) break;
    drawn++;
    const from = view.x(operations.call[i]);
    const to = Math.max(view.x(operations.end[i]), from + 1.5);
    const style = styleOf(i);
    const next = position + 1 < lane.length ? view.x(operations.call[lane[position + 1]]) : Infinity;
    const box = { i, style, top, from, to, next };
    if (pending && Math.floor(from) === Math.floor(pending.from) && pending.to < from + 2) {
      if (WEIGHT[style] >= WEIGHT[pending.style]) pending = box;
      continue;
    }
    if (pending) boxes[pending.style].push(pending);
    pending = box;
  }
  if (pending) boxes[pending.style].push(pending);
  return drawn;
}

function paint(pen) {
  for (const style of ["read", "ok"]) {
    pen.fillStyle = ink[style];
    for (const box of boxes[style]) pen.fillRect(box.from, box.top, gapped(box), BAR);
  }
  pen.fillStyle = ink.fail;
  for (const box of boxes.fail) pen.fillRect(box.from, box.top + 4, gapped(box), BAR - 8);
  for (const box of boxes.unknown) paintUnknown(pen, box, ink.unknown, ink.hatch);
  for (const box of boxes.suspect) paintSuspect(pen, box);
  pen.font = FONT;
  for (const style of ["read", "ok", "unknown", "suspect"]) {
    pen.fillStyle = style === "unknown" ? ink.text : ink[style === "read" ? "on-read" : "on-ok"];
    for (const box of boxes[style]) barText(pen, box);
  }
  pen.fillStyle = ink.muted;
  for (const box of boxes.fail) barText(pen, box);
}

/** Neighbours in a lane are kept apart by a hairline, once there is room for it. */
const gapped = (box) => (box.to - box.from > 4 ? box.to - box.from - 0.75 : box.to - box.from);

/** Open to the right: a hatched bar up to the response, a fading tail after it. */
function paintUnknown(pen, box, colour, pattern) {
  const right = Math.min(box.next - 1, view.width);
  if (right > box.to) {
    pen.globalAlpha = 0.45;
    pen.fillStyle = pattern;
    pen.fillRect(box.to, box.top + 3, right - box.to, BAR - 6);
    pen.globalAlpha = 1;
  }
  pen.fillStyle = pattern;
  pen.fillRect(box.from, box.top, box.to - box.from, BAR);
  pen.fillStyle = colour;
  pen.fillRect(box.from, box.top, 2, BAR);
  pen.fillRect(box.from, box.top, Math.max(box.to - box.from, 5), 1);
  pen.fillRect(box.from, box.top + BAR - 1, Math.max(box.to - box.from, 5), 1);
}

function paintSuspect(pen, box) {
  if (operations.outcome[box.i] === UNKNOWN) {
    paintUnknown(pen, box, ink.suspect, ink.hatchSuspect);
  } else {
    pen.fillStyle = ink.suspect;
    pen.fillRect(box.from, box.top, Math.max(box.to - box.from, 3), BAR);
  }
  pen.strokeStyle = ink.suspect;
  pen.lineWidth = 1.5;
  pen.strokeRect(box.from - 2, box.top - 2, Math.max(box.to - box.from, 3) + 4, BAR + 4);
}

function barText(pen, box) {
  const start = Math.max(box.from, GUTTER) + 4;
  const isOpen = operations.outcome[box.i] === UNKNOWN; // its tail has room for words, too
  const end = isOpen ? Math.max(box.to, Math.min(box.next, box.from + 160)) : box.to;
  const room = Math.floor((Math.min(end, view.width) - start - 2) / characterWidth);
  const words = label(box.i);
  if (room < Math.min(words.length, 6)) {
    if (box.style === "suspect" && counterexample.length < 40) textBehind(pen, box, words);
    return;
  }
  if (isOpen) {
    const under = pen.fillStyle;
    const width = Math.min(words.length, room) * characterWidth + 4;
    pen.fillStyle = ink.paper;
    pen.fillRect(start - 2, box.top + 1, width, BAR - 2);
    pen.fillStyle = box.style === "suspect" ? ink.suspect : under;
    pen.fillText(shorten(words, room), start, box.top + BAR / 2 + 0.5);
    pen.fillStyle = under;
    return;
  }
  pen.fillText(shorten(words, room), start, box.top + BAR / 2 + 0.5);
}

/** The counterexample is always labelled, behind its bars where they are short. */
function textBehind(pen, box, words) {
  const start = Math.max(box.to, box.from + 3) + 6;
  if (start + words.length * characterWidth > Math.min(box.next, view.width)) return;
  const under = pen.fillStyle;
  pen.fillStyle = ink.suspect;
  pen.fillText(words, start, box.top + BAR / 2 + 0.5);
  pen.fillStyle = under;
}

/** Outline the selected and the hovered operation, over the whole time it may take effect. */
function drawFocus(pen, scrollTop) {
  for (const [i, width] of [[focus.hovered, 1], [focus.selected, 2]]) {
    const lane = i < 0 ? -1 : laneOf(i);
    if (lane < 0) continue;
    const top = lane * PITCH - scrollTop + 3;
    const from = view.x(operations.call[i]);
    const open = operations.outcome[i] === UNKNOWN;
    const to = open ? view.width + 9 : Math.max(view.x(operations.end[i]), from + 2);
    pen.strokeStyle = ink.text;
    pen.lineWidth = width;
    pen.setLineDash(open ? [5, 3] : []);
    pen.strokeRect(from - 2.5, top - 2.5, to - from + 5, BAR + 5);
    pen.setLineDash([]);
  }
}

/** The lane, counted over all rows, that holds operation `i`; -1 when it is filtered out. */
function laneOf(i) {
  if (!matches(i)) return -1;
  const name = GROUPINGS[grouping.value](i);
  const row = shown.rows.find((each) => each.name === name);
  if (!row) return -1;
  const position = row.lanes.findIndex(
    (lane) => lane[firstEndingAfter(lane, operations.end[i])] === i || lane.includes(i),
  );
  return position < 0 ? -1 : row.top + position;
}

/** The operation under a point, or -1; a tail belongs to its operation. */
function operationAt(x, y) {
  const laneNumber = Math.floor(y / PITCH);
  const row = shown.rows.findLast((each) => each.top <= laneNumber);
  const lane = row && row.lanes[laneNumber - row.top];
  if (!lane || x < GUTTER) return -1;
  const position = firstEndingAfter(lane, view.time(x));
  let best = -1;
  let nearest = 5; // pixels
  for (const i of [lane[position - 1], lane[position]]) {
    if (i === undefined) continue;
    const before = view.x(operations.call[i]) - x;
    const after = x - view.x(operations.end[i]);
    const tail = operations.outcome[i] === UNKNOWN && before <= 0;
    const distance = tail ? Math.min(Math.max(after, 0), 4) : Math.max(before, after, 0);
    if (distance < nearest) [best, nearest] = [i, distance];
  }
  return best;
}
