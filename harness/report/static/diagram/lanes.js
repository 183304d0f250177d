// Which events are shown: types that are switched on, and everything or one host and its peers.

const filter = { types: types.map(() => true), host: -1 };

const shown = {
  /** Indices of the events, in their order. */
  events: new Int32Array(0),
  /** Place of each event among them, or that of the next one. */
  place: new Int32Array(count + 1),
  arrows: [],
};

function isShown(i) {
  const isMessage = data.message[i] >= 0;
  if (isMessage && !filter.types[data.type[i]]) return false;
  return filter.host < 0 || data.host[i] === filter.host || otherEnd(i) === filter.host ||
    kindOf(i) === "failure";
}

/** The lane at the other end of an event's message, -1 for none. */
function otherEnd(i) {
  if (data.peer[i] >= 0) return data.peer[i];
  return sendingOf[i] >= 0 ? data.host[sendingOf[i]] : -1;
}

/** Apply the filter. */
function arrange() {
  const found = [];
  for (let i = 0; i < count; i++) {
    shown.place[i] = found.length;
    if (isShown(i)) found.push(i);
  }
  shown.place[count] = found.length;
  shown.events = Int32Array.from(found);
  shown.arrows = arrows.filter((arrow) => isShown(arrow.from));
}
