// The data of the page as columns, and what follows from them: which events are one message, who is down.

const started = performance.now();
const data = JSON.parse(document.getElementById("data").textContent);
const { hosts, kinds, types, strings } = data;
const count = data.host.length;

/** Nanoseconds; stored as differences. */
const times = new Float64Array(count);
for (let i = 0, time = 0; i < count; i++) times[i] = time += data.at[i];
const END = Math.max(count ? times[count - 1] : 0, data.failure ? data.failure.at : 0, 1);

const kindOf = (i) => kinds[data.kind[i]];
const typeOf = (i) => types[data.type[i]];
const wordsOf = (i) => strings[data.words[i]];
const detailOf = (i) => strings[data.detail[i]];

/** The event of sending for each arrival, -1 for all others; and the arrivals of each sending. */
const sendingOf = new Int32Array(count).fill(-1);
const arrivalsOf = new Map();
{
  const sendings = new Map();
  for (let i = 0; i < count; i++) {
    const message = data.message[i];
    if (message < 0) continue;
    if (kindOf(i) === "send") {
      sendings.set(message, i);
      arrivalsOf.set(i, []);
    } else if (sendings.has(message)) {
      sendingOf[i] = sendings.get(message);
      arrivalsOf.get(sendingOf[i]).push(i);
    }
  }
}

/** Arrows from event to event; a sending that nothing came of points to its peer, and nowhere. */
const arrows = [];
for (const [from, arrivals] of arrivalsOf) {
  for (const to of arrivals) arrows.push({ from, to, isLost: kindOf(to) === "lose" });
  if (!arrivals.length) arrows.push({ from, to: -1, isLost: true });
}

const DOWN = new Set(["crash", "refuse"]);
const UP = new Set(["start", "restart"]);
const BIG = new Set(["crash", "refuse", "start", "restart", "failure", "fault", "failpoint", "note", "heal"]);

/** Stretches in which a host is down: lane, from event, to event (-1: to the end). */
const outages = [];
{
  const open = new Map();
  for (let i = 0; i < count; i++) {
    const lane = data.host[i];
    if (DOWN.has(kindOf(i)) && !open.has(lane)) open.set(lane, i);
    if (!open.has(lane) || open.get(lane) === i) continue;
    // Whoever asks or sends is there again, even if nobody noted its start.
    if (UP.has(kindOf(i)) || kindOf(i) === "invoke" || kindOf(i) === "send") {
      outages.push({ lane, from: open.get(lane), to: i });
      open.delete(lane);
    }
  }
  for (const [lane, from] of open) outages.push({ lane, from, to: -1 });
}

/** How many messages of each type were sent. */
const sentOf = types.map(() => 0);
for (let i = 0; i < count; i++) if (kindOf(i) === "send") sentOf[data.type[i]]++;

/** `1.204311 s`. */
function timeText(ns) {
  return (ns / 1e9).toFixed(6) + " s";
}

/** A length of time in the unit that reads best. */
function lengthText(ns) {
  if (ns < 1e3) return ns + " ns";
  if (ns < 1e6) return (ns / 1e3).toPrecision(3) + " µs";
  if (ns < 1e9) return (ns / 1e6).toPrecision(4) + " ms";
  return (ns / 1e9).toFixed(3) + " s";
}

function shorten(words, characters) {
  return words.length <= characters ? words : words.slice(0, Math.max(characters - 1, 0)) + "…";
}
