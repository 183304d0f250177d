// Colours and canvases: colours come from the style sheet, so light and dark are decided there.

const ink = {};
const FONT = '11px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';
const FONT_LABEL = '11px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
let characterWidth = 6.6;

/** Read the colours of the current scheme; make the texture of unknown operations. */
function readInk() {
  const style = getComputedStyle(document.documentElement);
  const names = [
    "paper", "text", "muted", "grid", "ok", "read", "fail", "unknown", "suspect", "band",
    "band-edge", "leader", "leader-other", "down", "p50", "p99", "window", "row", "on-ok", "on-read",
  ];
  for (const name of names) ink[name] = style.getPropertyValue("--" + name).trim();
  ink.hatch = hatch(ink.unknown);
  ink.hatchSuspect = hatch(ink.suspect);
}

function hatch(colour) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = 1.6;
  pen.beginPath();
  for (const shift of [-6, 0, 6]) {
    pen.moveTo(shift - 1, 7);
    pen.lineTo(shift + 7, -1);
  }
  pen.stroke();
  return pen.createPattern(tile, "repeat");
}

/** Size a canvas for the screen's pixels and return a pen that draws in CSS pixels. */
function openCanvas(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(view.width * ratio);
  const tall = Math.round(height * ratio);
  if (canvas.width !== width || canvas.height !== tall) {
    canvas.width = width;
    canvas.height = tall;
    canvas.style.width = view.width + "px";
    canvas.style.height = height + "px";
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, view.width, height);
  pen.font = FONT_LABEL;
  pen.textBaseline = "middle";
  return pen;
}

function clipPlot(pen, height) {
  pen.save();
  pen.beginPath();
  pen.rect(GUTTER, 0, view.plotWidth, height);
  pen.clip();
}

/** Text in the gutter, right-aligned. */
function gutterText(pen, words, y, colour = ink.muted) {
  pen.fillStyle = colour;
  pen.textAlign = "right";
  pen.fillText(shorten(words, 15), GUTTER - 8, y);
  pen.textAlign = "left";
}

function shorten(words, characters) {
  return words.length <= characters ? words : words.slice(0, Math.max(characters - 1, 0)) + "…";
}

/** Vertical hairlines at the ticks of the time axis. */
function timeGrid(pen, height) {
  pen.fillStyle = ink.grid;
  for (const tick of ticks(110).found) pen.fillRect(Math.round(view.x(tick)), 0, 1, height);
}
