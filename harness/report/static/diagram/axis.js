// The one axis, downwards: by true time, or one step an event, since most of the time nothing happens.

const HEAD = 30; // pixels above the plot, for the names of the hosts
const GUTTER = 96; // left of it, for times
const STEP_MAX = 40; // pixels an event at most
const STEP = 17; // pixels an event where words are easy to read

const axis = {
  isEven: true,
  /** In steps, or in nanoseconds. */
  from: 0,
  to: 1,
  width: 900,
  height: 600,
  onChange: () => {},

  get length() {
    return this.isEven ? Math.max(shown.events.length, 1) : END;
  },
  get plot() {
    return this.height - HEAD;
  },
  /** Place of an event on the axis. */
  at(i) {
    return this.isEven ? shown.place[i] + 0.5 : times[i];
  },
  /** Place of a time on the axis; between events it is in between. */
  ofTime(time) {
    if (!this.isEven) return time;
    const events = shown.events;
    const next = firstShownAt(time);
    if (next >= events.length) return events.length;
    const after = times[events[next]];
    if (next === 0) return after > 0 ? 0.5 * (time / after) : 0.5;
    const before = times[events[next - 1]];
    return next - 0.5 + (after > before ? (time - before) / (after - before) : 1);
  },
  time(place) {
    if (!this.isEven) return place;
    const events = shown.events;
    if (!events.length) return 0;
    const low = Math.min(Math.max(Math.floor(place - 0.5), 0), events.length - 1);
    const high = Math.min(low + 1, events.length - 1);
    const share = Math.min(Math.max(place - 0.5 - low, 0), 1);
    return times[events[low]] * (1 - share) + times[events[high]] * share;
  },
  y(place) {
    return HEAD + ((place - this.from) / (this.to - this.from)) * this.plot;
  },
  place(y) {
    return this.from + ((y - HEAD) / this.plot) * (this.to - this.from);
  },
  x(lane) {
    const room = this.width - GUTTER;
    return GUTTER + (room * (lane + 0.5)) / Math.max(hosts.length, 1);
  },
  get spacing() {
    return (this.width - GUTTER) / Math.max(hosts.length, 1);
  },
  /** Show [from, to], kept within the run and a little beyond. */
  set(from, to) {
    const least = this.isEven ? this.plot / STEP_MAX : 1e3;
    const whole = this.length;
    const span = Math.min(Math.max(to - from, least), Math.max(whole * 1.04, least));
    const pad = Math.max(span * 0.03, (span - whole) / 2);
    const start = Math.min(Math.max((from + to - span) / 2, -pad), whole + pad - span);
    this.from = start;
    this.to = start + span;
    this.onChange();
  },
  zoom(factor, around = (this.from + this.to) / 2) {
    this.set(around - (around - this.from) / factor, around + (this.to - around) / factor);
  },
  pan(share) {
    const shift = share * (this.to - this.from);
    this.set(this.from + shift, this.to + shift);
  },
  /** Everything at once. */
  fit() {
    this.set(0, this.length);
  },
  /** As many events as can be read, or a stretch of time that holds about as many. */
  readable(middle) {
    const steps = this.plot / STEP;
    const span = this.isEven ? steps : (END * steps) / Math.max(shown.events.length, 1);
    this.set(middle - span / 2, middle + span / 2);
  },
  /** Switch between the two, around the same time. */
  setEven(isEven) {
    const time = this.time((this.from + this.to) / 2);
    this.isEven = isEven;
    this.readable(this.ofTime(time));
  },
};

/** First place among the shown events at or after `time`. */
function firstShownAt(time) {
  return lowerBound(shown.events.length, (k) => times[shown.events[k]] >= time);
}

/** First of 0 … end for which `holds`, which stays true from there on. */
function lowerBound(end, holds) {
  let low = 0;
  let high = end;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The shown events in sight, and a few more: [first, end) in `shown.events`. */
function inSight(margin = 2) {
  const events = shown.events;
  const first = lowerBound(events.length, (k) => axis.at(events[k]) >= axis.from);
  const end = lowerBound(events.length, (k) => axis.at(events[k]) > axis.to);
  return [Math.max(first - margin, 0), Math.min(end + margin, events.length)];
}

/** The smallest of 1, 2, 5 times a power of ten that is at least `size`. */
function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  for (const digit of [1, 2, 5, 10]) if (digit * power >= size * 0.999) return digit * power;
  return 10 * power;
}
