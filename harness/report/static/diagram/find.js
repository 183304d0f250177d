// What lies under the pointer, and what is said about it.

const REACH = 8; // pixels

/** The event at a point: the nearest dot, else the sending of the nearest arrow; -1 for none. */
function eventAt(x, y) {
  if (y < HEAD) return -1;
  const [first, end] = inSight();
  let [best, least] = [-1, REACH];
  for (let k = first; k < end; k++) {
    const i = shown.events[k];
    const far = Math.hypot(axis.x(data.host[i]) - x, axis.y(axis.at(i)) - y);
    if (far < least) [best, least] = [i, far];
  }
  if (best >= 0) return best;
  least = REACH / 2;
  for (const arrow of shown.arrows) {
    const [fromX, fromY, toX, toY] = ends(arrow);
    if (!isInSight(fromY, toY)) continue;
    const far = distance(x, y, fromX, fromY, toX, toY);
    if (far < least) [best, least] = [arrow.from, far];
  }
  return best;
}

/** From a point to a stretch of a line. */
function distance(x, y, fromX, fromY, toX, toY) {
  const [dx, dy] = [toX - fromX, toY - fromY];
  const square = dx * dx + dy * dy || 1;
  const share = Math.min(Math.max(((x - fromX) * dx + (y - fromY) * dy) / square, 0), 1);
  return Math.hypot(fromX + share * dx - x, fromY + share * dy - y);
}

/** The fault whose stripe is at a point. */
function faultAt(x, y) {
  for (const stripe of stripes) {
    const [left, top, width, height] = stripeBox(stripe);
    if (x >= left - 2 && x <= left + width + 2 && y >= top && y <= top + height) return stripe.fault;
  }
  return null;
}

/** One line about an event. */
function describe(i) {
  const host = hosts[data.host[i]];
  const words = wordsOf(i);
  const kind = kindOf(i);
  if (kind === "send") return `${host} → ${hosts[data.peer[i]] ?? "?"}: ${words}`;
  if (sendingOf[i] >= 0) {
    const sender = hosts[data.host[sendingOf[i]]];
    const took = lengthText(times[i] - times[sendingOf[i]]);
    return `${host} ← ${sender}: ${words}, ${kind === "lose" ? "lost" : "after " + took}`;
  }
  return `${host}: ${kind}${words ? " " + words : ""}`;
}

/** Name and value of everything that is known about an event. */
function facts(i) {
  const sending = sendingOf[i] >= 0 ? sendingOf[i] : i;
  const found = [
    ["time", timeText(times[i])],
    ["where", hosts[data.host[i]]],
    ["what", kindOf(i)],
  ];
  if (kindOf(sending) !== "send") {
    if (detailOf(i)) found.push(["details", detailOf(i)]);
    return found;
  }
  found.push(["message", `#${data.message[i]} ${typeOf(i)}`]);
  found.push(["sent", `${timeText(times[sending])} by ${hosts[data.host[sending]]}`]);
  const arrivals = arrivalsOf.get(sending);
  for (const to of arrivals) {
    const took = lengthText(times[to] - times[sending]);
    const end = kindOf(to) === "lose" ? `lost, ${timeText(times[to])}` : `${timeText(times[to])}, after ${took}`;
    found.push([`at ${hosts[data.host[to]]}`, end]);
  }
  if (!arrivals.length) found.push([`at ${hosts[data.peer[sending]] ?? "its peer"}`, "never arrived"]);
  found.push(["contents", detailOf(sending)]);
  return found;
}

/** The next shown event in the same lane, or the one before (-1). */
function neighbour(i, direction) {
  for (let k = shown.place[i] + direction; k >= 0 && k < shown.events.length; k += direction) {
    if (data.host[shown.events[k]] === data.host[i]) return shown.events[k];
  }
  return -1;
}

/** The other end of the event's message; after its last arrival the sending again. */
function across(i) {
  if (sendingOf[i] >= 0) {
    const arrivals = arrivalsOf.get(sendingOf[i]);
    return arrivals[arrivals.indexOf(i) + 1] ?? sendingOf[i];
  }
  return (arrivalsOf.get(i) ?? [])[0] ?? -1;
}

/** Shown events whose words or details hold the text. */
function search(text) {
  const wanted = text.toLowerCase();
  return [...shown.events].filter((i) => {
    const sending = sendingOf[i] >= 0 ? sendingOf[i] : i;
    return `${describe(i)} ${detailOf(sending)}`.toLowerCase().includes(wanted);
  });
}
