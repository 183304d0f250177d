// Colours come from the style sheet, so that light and dark are decided there.

const ink = {};
const FONT = '11px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';
const FONT_NAME = '600 12px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const COLOURS = 8; // of message types; types beyond share them

function readInk() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "page", "text", "muted", "line", "grid", "row", "lane", "lost", "bad",
    "down-back", "down", "hold", "cut", "fault", "moment", "selected", "window"];
  for (let n = 0; n < COLOURS; n++) names.push("type" + n);
  for (const name of names) ink[name] = style.getPropertyValue("--" + name).trim();
}

/** Types in the order of their frequency, so that the most frequent ones have colours of their own. */
const rankOf = [];
[...types.keys()]
  .filter((type) => types[type])
  .sort((a, b) => sentOf[b] - sentOf[a])
  .forEach((type, rank) => (rankOf[type] = rank));

function colourOf(type) {
  return ink["type" + (rankOf[type] ?? 0) % COLOURS];
}

/** Size a canvas for the screen's pixels and return a pen that draws in CSS pixels. */
function openCanvas(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [wide, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== tall) {
    canvas.width = wide;
    canvas.height = tall;
    canvas.style.width = width + "px";
    canvas.style.height = height + "px";
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = FONT;
  pen.textBaseline = "middle";
  return pen;
}

/** Words that stay legible on top of lines. */
function writeOver(pen, words, x, y, colour) {
  pen.lineWidth = 3.5;
  pen.lineJoin = "round";
  pen.strokeStyle = ink.paper;
  pen.strokeText(words, x, y);
  pen.fillStyle = colour;
  pen.fillText(words, x, y);
}
