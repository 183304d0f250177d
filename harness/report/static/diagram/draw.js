// The diagram itself: lanes, what lasts, arrows, dots, words. Only what is in sight is drawn.

const focus = { hovered: -1, selected: -1, found: new Set() };

function drawDiagram(canvas) {
  const pen = openCanvas(canvas, axis.width, axis.height);
  pen.save();
  pen.beginPath();
  pen.rect(0, HEAD, axis.width, axis.plot);
  pen.clip();
  drawTimes(pen);
  drawMoment(pen);
  drawLanes(pen);
  drawBands(pen);
  drawFailure(pen);
  const isLegible = axis.plot / axis.perScreen >= 9;
  drawArrows(pen);
  const drawn = drawDots(pen);
  if (isLegible) drawWords(pen);
  drawFocus(pen);
  pen.restore();
  drawHeads(pen);
  return drawn;
}

Object.defineProperty(axis, "perScreen", {
  /** Shown events on one screen. */
  get() {
    const [first, end] = inSight(0);
    return Math.max(end - first, 1);
  },
});

/** Hairlines at round times; with even steps, the time of every event that has room for it. */
function drawTimes(pen) {
  pen.textAlign = "right";
  const line = (y, words) => {
    pen.fillStyle = ink.grid;
    pen.fillRect(GUTTER, Math.round(y), axis.width, 1);
    pen.fillStyle = ink.muted;
    pen.fillText(words, GUTTER - 10, y);
  };
  if (axis.isEven) {
    const [first, end] = inSight();
    let last = -Infinity;
    for (let k = first; k < end; k++) {
      const y = axis.y(k + 0.5);
      if (y - last < 15 || (k > 0 && times[shown.events[k]] === times[shown.events[k - 1]])) continue;
      line(y, timeText(times[shown.events[k]]));
      last = y;
    }
  } else {
    const step = roundStep(((axis.to - axis.from) / axis.plot) * 48);
    for (let t = Math.max(Math.ceil(axis.from / step) * step, 0); t <= axis.to; t += step) {
      line(axis.y(t), timeText(t));
    }
  }
  pen.textAlign = "left";
}

function drawMoment(pen) {
  if (!data.moment) return;
  const [from, to] = data.moment.map((time) => axis.y(axis.ofTime(time)));
  pen.fillStyle = ink.moment;
  pen.fillRect(GUTTER, from, axis.width, Math.max(to - from, 2));
  writeOver(pen, "here it became likely", GUTTER + 6, from + 8, ink.bad);
}

function drawLanes(pen) {
  pen.fillStyle = ink.lane;
  for (let lane = 0; lane < hosts.length; lane++) {
    pen.fillRect(Math.round(axis.x(lane)) - 0.5, axis.y(0), 1.5, axis.y(axis.length) - axis.y(0));
  }
  for (const { lane, from, to } of outages) {
    const top = axis.y(axis.at(from));
    const bottom = axis.y(to < 0 ? axis.length : axis.at(to));
    if (bottom < HEAD || top > axis.height) continue;
    const x = Math.round(axis.x(lane));
    pen.fillStyle = ink.paper;
    pen.fillRect(x - 8, top, 16, bottom - top);
    pen.fillStyle = ink["down-back"];
    pen.fillRect(x - 8, top, 16, bottom - top);
    pen.strokeStyle = ink.down;
    pen.lineWidth = 1;
    pen.setLineDash([2, 4]);
    pen.beginPath();
    pen.moveTo(x + 0.5, top);
    pen.lineTo(x + 0.5, bottom);
    pen.stroke();
    pen.setLineDash([]);
  }
}

const HOLDS = new Set(["pause", "slow", "clock-rate", "clock-step", "clock-strobe"]);
const CUTS = new Set(["cut", "cut-both", "isolate", "ring"]);

/** Faults that last: stripes left of their lanes, beside each other where they overlap. */
const stripes = [];
{
  const ends = hosts.map(() => []);
  for (const fault of data.faults) {
    if (fault.end <= fault.start || fault.kind === "crash" || fault.kind === "client-crash") continue;
    for (const lane of fault.lanes) {
      let column = ends[lane].findIndex((end) => end <= fault.start);
      if (column < 0) column = ends[lane].length;
      ends[lane][column] = fault.end;
      stripes.push({ fault, lane, column });
    }
  }
}

function stripeBox({ fault, lane, column }) {
  const top = axis.y(axis.ofTime(fault.start));
  const bottom = axis.y(axis.ofTime(Math.min(fault.end, data.horizon)));
  return [axis.x(lane) - 14 - 14 * column, top, 5, Math.max(bottom - top, 3)];
}

function drawBands(pen) {
  for (const stripe of stripes) {
    const [x, top, width, height] = stripeBox(stripe);
    if (top + height < HEAD || top > axis.height) continue;
    const { kind } = stripe.fault;
    pen.fillStyle = CUTS.has(kind) ? ink.cut : HOLDS.has(kind) ? ink.hold : ink.fault;
    pen.fillRect(x, top, width, height);
    if (height > kind.length * 7 + 8 && axis.spacing > 60) {
      const words = kind;
      pen.save();
      pen.translate(x - 6, Math.max(top, HEAD) + 4);
      pen.rotate(Math.PI / 2);
      pen.textAlign = "left";
      writeOver(pen, words, 0, 0, ink.muted);
      pen.restore();
    }
  }
}

function drawFailure(pen) {
  if (!data.failure) return;
  const y = Math.round(axis.y(axis.ofTime(data.failure.at)));
  pen.fillStyle = ink.bad;
  pen.fillRect(GUTTER - 6, y - 1, axis.width, 2);
  pen.textAlign = "right";
  pen.font = FONT_NAME;
  writeOver(pen, data.failure.words, axis.width - 8, y - 10, ink.bad);
  pen.font = FONT;
  pen.textAlign = "left";
}

/** Both ends of an arrow; one that leads nowhere ends on half its way, a little later. */
function ends({ from, to, isLost }) {
  const [x, y] = [axis.x(data.host[from]), axis.y(axis.at(from))];
  const peer = to >= 0 ? data.host[to] : data.peer[from];
  const toX = peer < 0 ? x + 30 : axis.x(peer);
  const toY = to >= 0 ? axis.y(axis.at(to)) : y + 10;
  if (!isLost) return [x, y, toX, toY];
  const share = 0.6; // what is lost does not arrive
  return [x, y, x + (toX - x) * share, y + (toY - y) * share];
}

const isInSight = (y, toY) => Math.max(y, toY) >= HEAD && Math.min(y, toY) <= axis.height;

function drawArrows(pen) {
  const paths = new Map();
  const pathOf = (key) => paths.get(key) ?? paths.set(key, new Path2D()).get(key);
  const isClose = axis.perScreen < 400;
  for (const arrow of shown.arrows) {
    const [x, y, toX, toY] = ends(arrow);
    if (!isInSight(y, toY)) continue;
    const path = pathOf(arrow.isLost ? "lost" : data.type[arrow.from]);
    path.moveTo(x, y);
    path.lineTo(toX, toY);
    if (isClose) head(path, arrow.isLost, x, y, toX, toY);
  }
  pen.lineWidth = isClose ? 1.2 : 0.7;
  pen.globalAlpha = isClose ? 0.9 : 0.5;
  for (const [type, path] of paths) {
    pen.strokeStyle = type === "lost" ? ink.lost : colourOf(type);
    pen.setLineDash(type === "lost" && isClose ? [4, 3] : []);
    pen.stroke(path);
  }
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

/** An arrowhead just before the lane, or a cross where the message was lost. */
function head(path, isLost, x, y, toX, toY) {
  const length = Math.hypot(toX - x, toY - y) || 1;
  const [dx, dy] = [(toX - x) / length, (toY - y) / length];
  if (isLost) {
    path.moveTo(toX - 4, toY - 4);
    path.lineTo(toX + 4, toY + 4);
    path.moveTo(toX - 4, toY + 4);
    path.lineTo(toX + 4, toY - 4);
    return;
  }
  const [tipX, tipY] = [toX - dx * 3, toY - dy * 3];
  for (const side of [1, -1]) {
    path.moveTo(tipX, tipY);
    path.lineTo(tipX - dx * 7 - side * dy * 3.5, tipY - dy * 7 + side * dx * 3.5);
  }
}

function drawDots(pen) {
  const [first, end] = inSight();
  const radius = Math.min(Math.max(axis.plot / axis.perScreen / 6, 1), 3);
  for (let k = first; k < end; k++) {
    const i = shown.events[k];
    const [x, y] = [axis.x(data.host[i]), axis.y(axis.at(i))];
    const kind = kindOf(i);
    if (kind === "lose") continue;
    pen.beginPath();
    if (data.message[i] >= 0) {
      pen.fillStyle = colourOf(data.type[i]);
      pen.arc(x, y, radius, 0, 7);
      pen.fill();
    } else if (BIG.has(kind)) {
      pen.fillStyle = UP.has(kind) ? ink.text : DOWN.has(kind) || kind === "failure" ? ink.bad : ink.fault;
      pen.moveTo(x, y - 5);
      pen.lineTo(x + 5, y);
      pen.lineTo(x, y + 5);
      pen.lineTo(x - 5, y);
      pen.fill();
    } else {
      pen.fillStyle = kind === "invoke" ? ink.paper : ink.text;
      pen.strokeStyle = ink.text;
      pen.lineWidth = 1.5;
      pen.arc(x, y, Math.max(radius, 2) + 1, 0, 7);
      pen.fill();
      pen.stroke();
    }
  }
  return end - first;
}

/** Beside each event what it is: at the sending for messages, at the dot for the rest. */
function drawWords(pen) {
  const [first, end] = inSight();
  const last = new Map(); // lowest words on each side of each lane
  const room = Math.max(Math.floor((axis.spacing * 1.9) / 6.6), 8);
  for (let k = first; k < end; k++) {
    const i = shown.events[k];
    const kind = kindOf(i);
    if (kind === "deliver" || kind === "lose") continue;
    const lane = data.host[i];
    const leftwards = data.peer[i] >= 0 && data.peer[i] < lane;
    const y = axis.y(axis.at(i));
    const side = lane * 2 + leftwards;
    if (y - (last.get(side) ?? -Infinity) < 11) continue;
    last.set(side, y);
    const isMessage = data.message[i] >= 0;
    const words = isMessage ? wordsOf(i) : kind === "fault" ? wordsOf(i) : `${kind} ${wordsOf(i)}`;
    pen.textAlign = leftwards ? "right" : "left";
    const colour = isMessage ? colourOf(data.type[i]) : DOWN.has(kind) ? ink.bad : ink.text;
    const isLast = lane === hosts.length - 1 && !leftwards;
    writeOver(pen, shorten(words, isLast ? Math.floor(room / 4) : room), axis.x(lane) + (leftwards ? -9 : 9),
      y - (isMessage ? 6 : 0), colour);
  }
  pen.textAlign = "left";
}

/** What is hovered or selected, with the whole of its message. */
function drawFocus(pen) {
  for (const i of focus.found) ring(pen, i, ink.fault, 8);
  for (const i of [focus.hovered, focus.selected]) {
    if (i < 0 || !isShown(i)) continue;
    const sending = sendingOf[i] >= 0 ? sendingOf[i] : i;
    pen.strokeStyle = ink.selected;
    pen.lineWidth = 2.2;
    const path = new Path2D();
    for (const to of arrivalsOf.get(sending) ?? []) {
      const arrow = { from: sending, to, isLost: kindOf(to) === "lose" };
      const [x, y, toX, toY] = ends(arrow);
      path.moveTo(x, y);
      path.lineTo(toX, toY);
      head(path, arrow.isLost, x, y, toX, toY);
    }
    pen.stroke(path);
    ring(pen, i, ink.selected, 6);
  }
}

function ring(pen, i, colour, radius) {
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(axis.x(data.host[i]), axis.y(axis.at(i)), radius, 0, 7);
  pen.stroke();
}

function drawHeads(pen) {
  pen.fillStyle = ink.page;
  pen.fillRect(0, 0, axis.width, HEAD - 1);
  pen.fillStyle = ink.line;
  pen.fillRect(0, HEAD - 1, axis.width, 1);
  pen.textAlign = "center";
  pen.font = FONT_NAME;
  const letters = Math.max(Math.floor(axis.spacing / 7.5), 3);
  for (let lane = 0; lane < hosts.length; lane++) {
    pen.fillStyle = lane === filter.host ? ink.selected : ink.text;
    const [name, number] = hosts[lane].split(" ");
    const short = number === undefined ? name : name[0] + number;
    const words = hosts[lane].length <= letters ? hosts[lane] : short;
    pen.fillText(shorten(words, letters), axis.x(lane), HEAD / 2);
  }
  pen.textAlign = "left";
  pen.font = FONT;
}

/** The whole run beside it: how much happened when, who was down, what is in sight. */
function drawOverview(canvas, width) {
  const pen = openCanvas(canvas, width, axis.height);
  const y = (place) => HEAD + (Math.min(Math.max(place / axis.length, 0), 1)) * axis.plot;
  drawBins(pen, width - 18);
  pen.fillStyle = ink.down;
  for (const { from, to } of outages) {
    const top = y(axis.at(from));
    pen.fillRect(width - 14, top, 3, Math.max(y(to < 0 ? axis.length : axis.at(to)) - top, 2));
  }
  for (const { fault, column } of stripes) {
    pen.fillStyle = CUTS.has(fault.kind) ? ink.cut : ink.hold;
    const top = y(axis.ofTime(fault.start));
    pen.fillRect(width - 9 + (column % 2) * 4, top, 3, Math.max(y(axis.ofTime(fault.end)) - top, 2));
  }
  if (data.moment) {
    pen.fillStyle = ink.moment;
    pen.fillRect(0, y(axis.ofTime(data.moment[0])), width, 4);
  }
  if (data.failure) {
    pen.fillStyle = ink.bad;
    pen.fillRect(0, y(axis.ofTime(data.failure.at)) - 1, width, 2);
  }
  pen.fillStyle = ink.window;
  const top = y(axis.from);
  pen.fillRect(0, top, width, Math.max(y(axis.to) - top, 4));
}

/** What happened when, by type; with even steps, in what proportion. */
function drawBins(pen, width) {
  const length = Math.max(Math.floor(axis.plot / 6), 1);
  const sums = new Float64Array(length);
  const parts = new Map();
  for (const i of shown.events) {
    const bin = Math.min(Math.floor((axis.at(i) / axis.length) * length), length - 1);
    const colour = kindOf(i) === "lose" ? ink.lost : data.message[i] < 0 ? ink.text : colourOf(data.type[i]);
    if (!parts.has(colour)) parts.set(colour, new Float64Array(length));
    parts.get(colour)[bin]++;
    sums[bin]++;
  }
  const most = sums.reduce((a, b) => Math.max(a, b), 1);
  const left = new Float64Array(length);
  pen.globalAlpha = 0.75;
  for (const [colour, numbers] of parts) {
    pen.fillStyle = colour;
    numbers.forEach((n, bin) => {
      if (!n) return;
      const wide = (n / most) * (width - 4);
      pen.fillRect(2 + left[bin], HEAD + bin * 6, wide, 5.2);
      left[bin] += wide;
    });
  }
  pen.globalAlpha = 1;
}
