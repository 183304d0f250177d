"""The figure of `benchmarks.fanout`: ratios over fan-outs, both in powers of two, as SVG."""

from dataclasses import dataclass
from math import log2
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 400
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 28, 44

COLOURS: Final = {1: "#b35806", 3: "#1b7837", 9: "#2166ac"}
DASHES: Final = {"measured": "", "model": "6 4", "published": "1 4"}

LOWEST: Final = 1 / 40
HIGHEST: Final = 1.5


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: fan-outs and ratios."""

    name: str
    shards: int
    kind: str
    points: list[tuple[int, float]]


def _x(fan_out: int) -> float:
    return LEFT + log2(fan_out) / 5 * (WIDTH - LEFT - RIGHT)


def _y(ratio: float) -> float:
    share = (log2(ratio) - log2(LOWEST)) / (log2(HIGHEST) - log2(LOWEST))
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def figure(lines: list[Line], title: str) -> str:
    """The whole picture; readable on white and on black."""
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        (
            f'<text x="{LEFT}" y="18">Median latency of multi-dispatch, as a part of that of one '
            f"operation after the other ({title})</text>"
        ),
    ]
    parts += _axes()
    for line in lines:
        parts += _curve(line)
    parts += _legend(lines)
    return "\n".join([*parts, "</svg>", ""])


def _axes() -> list[str]:
    parts: list[str] = []
    for fan_out in (1, 2, 4, 8, 16, 32):
        x = _x(fan_out)
        parts.append(
            f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>'
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{fan_out}</text>'
        )
    for ratio in (1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125):
        y = _y(ratio)
        parts.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{ratio:g}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">operations of a request</text>'
    )
    return parts


def _curve(line: Line) -> list[str]:
    colour = COLOURS.get(line.shards, "#555")
    path = " ".join(f"{_x(fan_out):.1f},{_y(ratio):.1f}" for fan_out, ratio in line.points)
    dash = f' stroke-dasharray="{DASHES[line.kind]}"' if DASHES[line.kind] else ""
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>']
    if line.kind == "measured":
        parts += [
            f'<circle cx="{_x(fan_out):.1f}" cy="{_y(ratio):.1f}" r="3.5" fill="{colour}"/>'
            for fan_out, ratio in line.points
        ]
    return parts


def _legend(lines: list[Line]) -> list[str]:
    parts: list[str] = []
    for row, line in enumerate(lines):
        y = TOP + 12 + 18 * row
        x = WIDTH - RIGHT + 10
        dash = f' stroke-dasharray="{DASHES[line.kind]}"' if DASHES[line.kind] else ""
        parts.append(
            f'<line x1="{x}" y1="{y - 4}" x2="{x + 26}" y2="{y - 4}" '
            f'stroke="{COLOURS.get(line.shards, "#555")}" stroke-width="2"{dash}/>'
            f'<text x="{x + 32}" y="{y}">{line.name}, {line.kind}</text>'
        )
    return parts
