// The one time axis that all panels share: which stretch is visible, and how it is labelled.

const GUTTER = 104; // pixels left of every plot, for labels
const MARGIN = 14; // pixels right of every plot

const hasClock = data.unit === "ns";
const EXTENT = { from: 0, to: Math.max(data.end, 1) };
const SPAN_MIN = hasClock ? 200 : 2;

const view = {
  from: EXTENT.from,
  to: EXTENT.to,
  width: 900, // of every canvas, in CSS pixels
  onChange: () => {},

  get plotWidth() {
    return Math.max(this.width - GUTTER - MARGIN, 50);
  },
  x(time) {
    return GUTTER + ((time - this.from) / (this.to - this.from)) * this.plotWidth;
  },
  time(x) {
    return this.from + ((x - GUTTER) / this.plotWidth) * (this.to - this.from);
  },
  /** Show [from, to], kept within the history and a little beyond. */
  set(from, to) {
    const whole = EXTENT.to - EXTENT.from;
    const span = Math.min(Math.max(to - from, SPAN_MIN), whole * 1.02);
    const pad = Math.max(Math.min(whole * 0.01, span * 0.05), (span - whole) / 2);
    const middle = (from + to) / 2;
    let start = middle - span / 2;
    start = Math.min(Math.max(start, EXTENT.from - pad), EXTENT.to + pad - span);
    this.from = start;
    this.to = start + span;
    this.onChange();
  },
  fit() {
    this.set(EXTENT.from - EXTENT.to, EXTENT.to * 2);
  },
  zoom(factor, around = (this.from + this.to) / 2) {
    this.set(around - (around - this.from) / factor, around + (this.to - around) / factor);
  },
  pan(share) {
    const shift = share * (this.to - this.from);
    this.set(this.from + shift, this.to + shift);
  },
};

/** The smallest of 1, 2, 5 times a power of ten that is at least `size`. */
function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  for (const digit of [1, 2, 5, 10]) if (digit * power >= size * 0.999) return digit * power;
  return 10 * power;
}

/** A time since the start, with as many digits as `step` needs. */
function formatTime(time, step = 1e6) {
  if (!hasClock) return String(Math.round(time));
  const digits = Math.min(Math.max(Math.ceil(9 - Math.log10(step) - 1e-6), 0), 9);
  return (time / 1e9).toFixed(digits) + " s";
}

/** A length of time in the unit that reads best. */
function formatDuration(ns) {
  if (!hasClock) return Math.round(ns) + " steps";
  if (ns < 1e3) return ns + " ns";
  if (ns < 1e6) return (ns / 1e3).toPrecision(3) + " µs";
  if (ns < 1e9) return (ns / 1e6).toPrecision(ns < 1e8 ? 3 : 4) + " ms";
  return (ns / 1e9).toFixed(ns < 1e10 ? 2 : 1) + " s";
}

function ticks(pixelsApart) {
  const step = roundStep(((view.to - view.from) / view.plotWidth) * pixelsApart);
  const found = [];
  for (let tick = Math.ceil(view.from / step) * step; tick <= view.to; tick += step) {
    if (tick >= EXTENT.from - step / 2) found.push(tick);
  }
  return { step, found };
}
