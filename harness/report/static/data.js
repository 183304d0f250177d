// What the page knows: the data block, decoded into typed arrays, one entry an operation.
//
// Texts are interned in `strings`; a column that is the same everywhere is a single number. Every
// text is untrusted: it reaches the page through textContent and fillText only.

const started = performance.now();

const OK = 0;
const FAIL = 1;
const UNKNOWN = 2;
const OUTCOME_WORDS = ["ok", "fail", "unknown"];
const READERS = new Set(["read", "get", "peek", "contains"]);

const data = JSON.parse(document.getElementById("data").textContent);

/** Decode the columns; times become nanoseconds since the first event, `-1` means none. */
function decode(raw) {
  const count = raw.count;
  const column = (values) =>
    Array.isArray(values) ? Int32Array.from(values) : new Int32Array(count).fill(values);
  const operations = {
    count,
    index: raw.index === null ? Int32Array.from({ length: count }, (_, i) => i) : column(raw.index),
    process: column(raw.process),
    f: column(raw.f),
    key: column(raw.key),
    value: column(raw.value),
    output: column(raw.output),
    outcome: column(raw.outcome),
    node: column(raw.node),
    error: column(raw.error),
    session: column(raw.session),
    seq: column(raw.seq),
    line: column(raw.line),
    call: new Float64Array(count),
    end: new Float64Array(count), // the response; for an unknown without one, its call
    answered: new Uint8Array(count),
    suspect: new Uint8Array(count),
  };
  let call = 0;
  for (let i = 0; i < count; i++) {
    call += raw.call[i];
    const duration = raw.duration[i];
    operations.call[i] = call;
    operations.answered[i] = duration >= 0 ? 1 : 0;
    operations.end[i] = call + Math.max(duration, 0);
  }
  return operations;
}

const operations = decode(data.operations);
const strings = data.strings;
const positionOfIndex = new Map();
operations.index.forEach((index, position) => positionOfIndex.set(index, position));

const counterexample = data.counterexample
  .map((index) => positionOfIndex.get(index))
  .filter((position) => position !== undefined);
const culprit = positionOfIndex.get(data.culprit) ?? counterexample[counterexample.length - 1];
for (const position of counterexample) operations.suspect[position] = 1;

const isReader = strings.map((text) => READERS.has(text));

/** The text of an interned string, or "" for none. */
function text(id) {
  return id < 0 ? "" : strings[id];
}

/** What happened, in a few characters: `put 5`, `get → 3`, `cas [1,2]`. */
function label(i) {
  let words = text(operations.f[i]);
  if (operations.value[i] >= 0) words += " " + text(operations.value[i]);
  if (operations.outcome[i] === UNKNOWN) return words + " → ?";
  if (operations.outcome[i] === FAIL) return words + " ✗";
  if (isReader[operations.f[i]] || showsResult(i)) words += " → " + text(operations.output[i]);
  return words;
}

/** A result that says more than "done": not null, not an echo of the argument. */
function showsResult(i) {
  const output = operations.output[i];
  return output >= 0 && output !== operations.value[i] && strings[output] !== "null";
}

/** First position in ascending `values` whose value is not below `bound`. */
function lowerBound(values, bound) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
