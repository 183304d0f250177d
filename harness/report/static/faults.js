// What the nemesis did, and who led: one row a target above the charts, a wash behind all of them.

const LANE = 17;

/** Rows of the fault panel: who led, then one row for every target that was hurt, then the rest. */
function faultRows() {
  const rows = [];
  if (data.leaders.length) rows.push({ name: "leader", leaders: data.leaders, bands: [], marks: [] });
  const byTarget = new Map();
  const row = (target) => {
    if (!byTarget.has(target)) byTarget.set(target, { name: target, bands: [], marks: [] });
    return byTarget.get(target);
  };
  for (const band of data.bands) row(band.target).bands.push(band);
  for (const mark of data.marks) row(mark.target).marks.push(mark);
  const named = [...byTarget.values()].sort((a, b) =>
    a.name.localeCompare(b.name, undefined, { numeric: true }),
  );
  return rows.concat(named.slice(0, 16));
}

const FAULT_ROWS = faultRows();
const FAULTS_HEIGHT = FAULT_ROWS.length * LANE + 6;

const bandEnd = (band) => (band.end === null ? EXTENT.to : band.end);

/** The pale columns behind a plot: faults in effect, and single events as hairlines. */
function wash(pen, height) {
  pen.fillStyle = ink.band;
  for (const band of data.bands) {
    const from = view.x(band.start);
    const to = view.x(bandEnd(band));
    if (to < GUTTER || from > view.width) continue;
    pen.fillRect(from, 0, Math.max(to - from, 1.5), height);
  }
  pen.fillStyle = ink["band-edge"];
  for (const band of data.bands) pen.fillRect(view.x(band.start), 0, 1, height);
}

function drawFaults(canvas) {
  const pen = openCanvas(canvas, FAULTS_HEIGHT);
  FAULT_ROWS.forEach((row, position) => gutterText(pen, row.name, position * LANE + 11));
  clipPlot(pen, FAULTS_HEIGHT);
  timeGrid(pen, FAULTS_HEIGHT);
  FAULT_ROWS.forEach((row, position) => {
    const top = position * LANE + 3;
    if (row.leaders) drawLeaders(pen, row.leaders, top);
    drawBands(pen, row.bands, top);
    drawMarks(pen, row.marks, top);
  });
  pen.restore();
}

function drawLeaders(pen, leaders, top) {
  leaders.forEach((leader, position) => {
    const from = view.x(leader.time);
    const next = leaders[position + 1];
    const to = view.x(next ? next.time : EXTENT.to);
    pen.fillStyle = position % 2 ? ink["leader-other"] : ink.leader;
    pen.fillRect(from, top, Math.max(to - from - 1, 1), LANE - 4);
    boxText(pen, leader.name, from, to, top, ink.text);
  });
}

function drawBands(pen, bands, top) {
  for (const band of bands) {
    const from = view.x(band.start);
    const to = view.x(bandEnd(band));
    if (to < GUTTER || from > view.width) continue;
    pen.fillStyle = ink.down;
    pen.fillRect(from, top, Math.max(to - from, 2), LANE - 4);
    boxText(pen, band.kind, from, to, top, ink.paper);
  }
}

function drawMarks(pen, marks, top) {
  const middle = top + (LANE - 4) / 2;
  pen.fillStyle = ink.muted;
  for (const mark of marks) {
    const x = view.x(mark.time);
    pen.beginPath();
    pen.moveTo(x, middle - 5);
    pen.lineTo(x + 4, middle);
    pen.lineTo(x, middle + 5);
    pen.lineTo(x - 4, middle);
    pen.fill();
  }
}

/** Text inside a box, if any of it fits; kept in sight while the box is. */
function boxText(pen, words, from, to, top, colour) {
  const start = Math.max(from, GUTTER) + 4;
  const room = Math.floor((Math.min(to, view.width) - start - 3) / 6);
  if (room < Math.min(words.length, 7)) return;
  pen.fillStyle = colour;
  pen.fillText(shorten(words, room), start, top + (LANE - 4) / 2 + 0.5);
}

/** The fault or event under a point of the panel, in words; "" when there is none. */
function faultAt(x, y) {
  const row = FAULT_ROWS[Math.floor((y - 2) / LANE)];
  if (!row || x < GUTTER) return "";
  const time = view.time(x);
  const near = Math.abs(view.time(x + 5) - time);
  const mark = row.marks.find((each) => Math.abs(each.time - time) < near);
  if (mark) return `${mark.f} ${mark.detail} at ${formatTime(mark.time)}`;
  const band = row.bands.find((each) => each.start - near < time && time < bandEnd(each) + near);
  if (band) {
    const until = band.end === null ? "to the end" : `for ${formatDuration(band.end - band.start)}`;
    return `${band.kind} ${band.detail} at ${formatTime(band.start)}, ${until}`;
  }
  const leader = row.leaders && row.leaders.findLast((each) => each.time <= time);
  return leader ? `${leader.name} leads from ${formatTime(leader.time)} ${leader.detail}` : "";
}
