// The pane that says everything about one operation.

const OUTCOME_SENTENCES = [
  "ok: it happened, and this is its result",
  "fail: it certainly did not happen",
  "unknown: it may have happened at any time after its call, or never",
];

/** Name and value of everything that is known about operation `i`. */
function facts(i) {
  const o = operations;
  const found = [
    ["operation", "#" + o.index[i]],
    ["process", String(data.processes[o.process[i]])],
    ["f", text(o.f[i])],
  ];
  const add = (name, id) => id >= 0 && found.push([name, strings[id]]);
  add("key", o.key[i]);
  add("value", o.value[i]);
  add("output", o.output[i]);
  found.push(["outcome", OUTCOME_SENTENCES[o.outcome[i]]]);
  add("error", o.error[i]);
  found.push(["call", instant(o.call[i])]);
  if (o.answered[i]) {
    found.push([o.outcome[i] === UNKNOWN ? "gave up" : "return", instant(o.end[i])]);
    found.push(["took", formatDuration(o.end[i] - o.call[i])]);
  } else {
    found.push(["return", "never"]);
  }
  add("node", o.node[i]);
  if (o.session[i] >= 0) found.push(["session", `${strings[o.session[i]]}, seq ${o.seq[i]}`]);
  if (o.line[i] >= 0) found.push(["line", `${o.line[i]} of ${data.source}`]);
  if (o.suspect[i]) found.push(["proof", i === culprit ? "no order has a place for it" : "part of it"]);
  return found;
}

/** A time since the start and, in brackets, as it stands in the file. */
function instant(time) {
  const origin = data.origin;
  const raw = /^-?\d+$/.test(origin) ? String(BigInt(origin) + BigInt(Math.round(time))) : "";
  if (!hasClock) return raw || String(time);
  return formatTime(time, 1e3) + (raw && origin !== "0" ? ` (${raw})` : "");
}

/** Fill a description list; every text through textContent. */
function fillFacts(list, pairs) {
  list.replaceChildren(
    ...pairs.flatMap(([name, value]) => {
      const term = document.createElement("dt");
      const description = document.createElement("dd");
      term.textContent = name;
      description.textContent = value;
      return [term, description];
    }),
  );
}

/** The operation before (-1) or after (+1) `i` in its row, or -1. */
function neighbour(i, direction) {
  const name = GROUPINGS[grouping.value](i);
  const row = shown.rows.find((each) => each.name === name);
  if (!row) return -1;
  const members = row.lanes.length === 1 ? row.lanes[0] : row.lanes.flat().sort(
    (a, b) => operations.call[a] - operations.call[b] || a - b,
  );
  return members[members.indexOf(i) + direction] ?? -1;
}
