// Which operations are shown, and where: filters, rows (clients, processes, …), lanes in a row.
//
// Operations of one lane never overlap, so a lane is sorted by call and by end at once and what
// is visible is found by bisection.

const filter = { key: -1, outcomes: [true, true, true], version: 0 };
const shown = { rows: [], lanes: 0, order: [], times: [[], [], []], count: 0 };

const GROUPINGS = {
  client: (i) => {
    const process = data.processes[operations.process[i]];
    return typeof process === "number" ? "client " + (process % data.concurrency) : process;
  },
  process: (i) => "process " + data.processes[operations.process[i]],
  node: (i) => text(operations.node[i]) || "no node",
  key: (i) => text(operations.key[i]) || "no key",
};

function matches(i) {
  if (!filter.outcomes[operations.outcome[i]]) return false;
  return filter.key < 0 || operations.key[i] === filter.key;
}

/** Apply the filters, group into rows, and give each operation a lane. */
function arrange(grouping) {
  const nameOf = GROUPINGS[grouping];
  const byName = new Map();
  const order = [];
  for (let i = 0; i < operations.count; i++) if (matches(i)) order.push(i);
  order.sort((a, b) => operations.call[a] - operations.call[b] || a - b);
  for (const i of order) {
    const name = nameOf(i);
    if (!byName.has(name)) byName.set(name, []);
    byName.get(name).push(i);
  }
  shown.order = order;
  shown.calls = Float64Array.from(order, (i) => operations.call[i]);
  shown.count = order.length;
  shown.times = [OK, FAIL, UNKNOWN].map((outcome) =>
    Float64Array.from(
      order.filter((i) => operations.outcome[i] === outcome),
      (i) => operations.end[i],
    ).sort(),
  );
  shown.rows = [...byName.entries()]
    .sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }))
    .map(([name, members]) => ({ name, lanes: inLanes(members), top: 0 }));
  shown.lanes = 0;
  for (const row of shown.rows) {
    row.top = shown.lanes;
    shown.lanes += row.lanes.length;
  }
  filter.version++;
}

/** Split operations, sorted by call, into as few lanes without overlap as possible. */
function inLanes(members) {
  const lanes = [];
  for (const i of members) {
    let lane = lanes.find((each) => operations.end[each[each.length - 1]] <= operations.call[i]);
    if (!lane) lanes.push((lane = []));
    lane.push(i);
  }
  return lanes;
}

/** First position in a lane whose operation ends after `time`. */
function firstEndingAfter(lane, time) {
  let low = 0;
  let high = lane.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (operations.end[lane[middle]] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
