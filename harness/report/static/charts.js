// Latency (log scale), throughput, and the overview, all on the shared time axis.

const LATENCY_HEIGHT = 150;
const RATE_HEIGHT = 84;
const OVERVIEW_HEIGHT = 46;
const AXIS_HEIGHT = 22;

const BUCKET_MIN = 3; // operations; the quantiles of fewer would say nothing
const cache = { name: "", value: null };

/** Quantiles of the latency of ok operations, per bucket of the visible time. */
function latencyBuckets(width) {
  const first = Math.floor(view.from / width);
  const last = Math.floor(view.to / width);
  const name = [first, last, width, filter.version].join();
  if (cache.name === name) return cache.value;
  const gathered = Array.from({ length: last - first + 1 }, () => []);
  let position = lowerBound(shown.calls, first * width);
  for (; position < shown.count && shown.calls[position] < (last + 1) * width; position++) {
    const i = shown.order[position];
    if (operations.outcome[i] !== OK) continue;
    gathered[Math.floor(operations.call[i] / width) - first].push(
      operations.end[i] - operations.call[i],
    );
  }
  cache.name = name;
  cache.value = gathered.map((values, bucket) => {
    const sorted = Float64Array.from(values).sort();
    const at = (q) => sorted[Math.min(Math.ceil(q * sorted.length), sorted.length) - 1];
    const middle = (first + bucket + 0.5) * width;
    return sorted.length >= BUCKET_MIN ? { middle, p50: at(0.5), p99: at(0.99) } : null;
  });
  return cache.value;
}

const latencyRange = (() => {
  let low = Infinity;
  let high = 0;
  for (let i = 0; i < operations.count; i++) {
    if (!operations.answered[i]) continue;
    const latency = Math.max(operations.end[i] - operations.call[i], 1);
    low = Math.min(low, latency);
    high = Math.max(high, latency);
  }
  if (high === 0) return [3, 9];
  const from = Math.floor(Math.log10(low));
  return [from, Math.max(Math.ceil(Math.log10(high)), from + 1)];
})();

function drawLatency(canvas) {
  const pen = openCanvas(canvas, LATENCY_HEIGHT);
  const [low, high] = latencyRange;
  const y = (latency) =>
    LATENCY_HEIGHT - 8 -
    ((Math.log10(Math.max(latency, 1)) - low) / (high - low)) * (LATENCY_HEIGHT - 18);
  for (let decade = low; decade <= high; decade++) {
    gutterText(pen, formatDecade(decade), y(10 ** decade));
  }
  clipPlot(pen, LATENCY_HEIGHT);
  wash(pen, LATENCY_HEIGHT);
  timeGrid(pen, LATENCY_HEIGHT);
  pen.fillStyle = ink.grid;
  for (let decade = low; decade <= high; decade++) {
    pen.fillRect(GUTTER, Math.round(y(10 ** decade)), view.plotWidth, 1);
  }
  scatter(pen, y);
  const buckets = latencyBuckets(roundStep(((view.to - view.from) / view.plotWidth) * bucketPixels()));
  trace(pen, buckets, "p99", y);
  trace(pen, buckets, "p50", y);
  pen.restore();
}

const formatDecade = (decade) =>
  10 ** (decade % 3) + " " + ["ns", "µs", "ms", "s", "ks", "Ms", "Gs"][Math.floor(decade / 3)];

/** Width of a bucket on the screen: wide enough for a dozen of the visible operations. */
function bucketPixels() {
  const visible = lowerBound(shown.calls, view.to) - lowerBound(shown.calls, view.from);
  return Math.min(Math.max(9, (view.plotWidth / Math.max(visible, 1)) * 12), view.plotWidth / 12);
}

/** One dot an operation; of dots on the same spot only one is drawn. */
function scatter(pen, y) {
  const spots = [new Set(), new Set(), new Set()];
  const width = view.width;
  let position = lowerBound(shown.calls, view.from);
  for (; position < shown.count && shown.calls[position] <= view.to; position++) {
    const i = shown.order[position];
    if (!operations.answered[i]) continue;
    const spot = Math.round(view.x(operations.call[i])) +
      width * Math.round(y(operations.end[i] - operations.call[i]));
    spots[operations.outcome[i]].add(spot);
  }
  const colours = [ink.ok, ink.fail, ink.unknown];
  for (const outcome of [OK, FAIL, UNKNOWN]) {
    pen.fillStyle = colours[outcome];
    pen.globalAlpha = outcome === OK ? Math.min(0.7, 0.28 + 600 / (spots[OK].size + 1)) : 0.9;
    const size = (outcome === UNKNOWN ? 3 : 2) + (shown.count && spots[OK].size < 400 ? 2 : 0);
    for (const spot of spots[outcome]) {
      pen.fillRect((spot % width) - 1, Math.floor(spot / width) - 1, size, size);
    }
  }
  pen.globalAlpha = 1;
}

function trace(pen, buckets, quantile, y) {
  pen.strokeStyle = ink[quantile];
  pen.lineWidth = 1.5;
  pen.setLineDash(quantile === "p99" ? [4, 2] : []);
  pen.beginPath();
  let down = false;
  for (const bucket of buckets) {
    if (bucket) {
      const x = view.x(bucket.middle);
      if (down) pen.lineTo(x, y(bucket[quantile]));
      else pen.moveTo(x - 2, y(bucket[quantile]));
      if (!down) pen.lineTo(x, y(bucket[quantile]));
    }
    down = bucket !== null;
  }
  pen.stroke();
  pen.setLineDash([]);
}

/** Operations that ended in [from, to), by outcome. */
const endedWithin = (from, to) =>
  shown.times.map((times) => lowerBound(times, to) - lowerBound(times, from));

/** Bars per bucket: ok below, then unknown, then failed. Returns the height of the scale. */
function rateBars(pen, from, to, x, height, pixels) {
  const width = roundStep(((to - from) / view.plotWidth) * pixels);
  const bars = [];
  let most = 0;
  for (let start = Math.floor(from / width) * width; start < to; start += width) {
    const counts = endedWithin(start, start + width);
    bars.push([start, counts]);
    most = Math.max(most, counts[OK] + counts[FAIL] + counts[UNKNOWN]);
  }
  const scale = roundStep(Math.max(most, 1) * 1.02);
  for (const [start, counts] of bars) {
    const left = x(start);
    const wide = Math.max(x(start + width) - left - (pixels > 5 ? 1 : 0), 1);
    let bottom = height;
    for (const [outcome, colour] of [[OK, ink.read], [UNKNOWN, ink.unknown], [FAIL, ink.fail]]) {
      const tall = (counts[outcome] / scale) * height;
      pen.fillStyle = colour;
      pen.fillRect(left, bottom - tall, wide, tall);
      bottom -= tall;
    }
  }
  return { scale, perSecond: (scale / width) * 1e9 };
}

function drawRate(canvas) {
  const pen = openCanvas(canvas, RATE_HEIGHT);
  clipPlot(pen, RATE_HEIGHT);
  wash(pen, RATE_HEIGHT);
  timeGrid(pen, RATE_HEIGHT);
  pen.translate(0, 8);
  const { perSecond } = rateBars(pen, view.from, view.to, (t) => view.x(t), RATE_HEIGHT - 14, bucketPixels());
  pen.translate(0, -8);
  pen.fillStyle = ink.down;
  for (const [start, end] of data.unavailable) {
    const from = view.x(start);
    pen.fillRect(from, RATE_HEIGHT - 4, Math.max(view.x(end) - from, 2), 4);
  }
  pen.restore();
  gutterText(pen, formatRate(perSecond), 9);
  gutterText(pen, "0", RATE_HEIGHT - 8);
}

const formatRate = (rate) =>
  rate >= 1e6 ? rate / 1e6 + "M/s" : rate >= 1e4 ? rate / 1e3 + "k/s" : +rate.toPrecision(3) + "/s";

/** The whole history in one strip, with the visible part framed. */
function drawOverview(canvas) {
  const pen = openCanvas(canvas, OVERVIEW_HEIGHT);
  gutterText(pen, "whole history", OVERVIEW_HEIGHT / 2);
  clipPlot(pen, OVERVIEW_HEIGHT);
  const x = (time) => GUTTER + (time / EXTENT.to) * view.plotWidth;
  pen.fillStyle = ink.band;
  for (const band of data.bands) {
    pen.fillRect(x(band.start), 0, Math.max(x(bandEnd(band)) - x(band.start), 1.5), OVERVIEW_HEIGHT);
  }
  rateBars(pen, 0, EXTENT.to, x, OVERVIEW_HEIGHT, 3);
  pen.fillStyle = ink.suspect;
  for (const i of counterexample) {
    const from = x(operations.call[i]);
    pen.fillRect(from - 1, 0, Math.max(x(operations.end[i]) - from, 3), 5);
  }
  const from = x(view.from);
  const to = x(view.to);
  if (view.to - view.from < (EXTENT.to - EXTENT.from) * 0.999) {
    pen.fillStyle = ink.window;
    pen.fillRect(0, 0, from, OVERVIEW_HEIGHT);
    pen.fillRect(to, 0, view.width, OVERVIEW_HEIGHT);
    pen.strokeStyle = ink.text;
    pen.lineWidth = 1;
    pen.strokeRect(from - 0.5, 0.5, Math.max(to - from, 2) + 1, OVERVIEW_HEIGHT - 1);
  }
  pen.restore();
}

function drawAxis(canvas) {
  const pen = openCanvas(canvas, AXIS_HEIGHT);
  const { step, found } = ticks(110);
  pen.fillStyle = ink.muted;
  for (const tick of found) {
    const x = Math.round(view.x(tick));
    if (x < GUTTER || x > view.width - MARGIN) continue;
    pen.fillRect(x, AXIS_HEIGHT - 6, 1, 6);
    pen.textAlign = x < view.width - 60 ? "left" : "right";
    pen.fillText(formatTime(tick, step), x + (x < view.width - 60 ? 4 : -4), AXIS_HEIGHT / 2 - 1);
  }
  pen.textAlign = "left";
}
