"""Golden files in the style of etcd's `datadriven`: commands, a line of dashes, what they print.

    # Why this file exists.

    propose 1 put x=1
    ----
    1: record accept slot=1 ballot=1.1 put x=1
       1->2 Accept slot=1 ballot=1.1 put x=1

A blank line ends the output of a command. `pytest --rewrite` replaces all outputs by what the
code prints now; read the diff.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_RULE: Final = "----"


@dataclass(frozen=True, slots=True)
class Directive:
    """One command with its arguments."""

    name: str
    words: tuple[str, ...]
    """Arguments without a name, in order."""
    options: dict[str, str] = field(default_factory=dict)
    """Arguments of the form `name=value`."""


def parse_directive(line: str) -> Directive:
    """`deliver 2 from=1` has the words ("2",) and the options {"from": "1"}."""
    name, *arguments = line.split()
    words = tuple(argument for argument in arguments if "=" not in argument)
    options = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    return Directive(name, words, options)


def run_file(path: Path, execute: Callable[[Directive], str], *, rewrite: bool) -> None:
    """Execute every command of a file and compare what it prints with what the file says."""
    written = path.read_text()
    assert written.startswith("#"), f"{path.name} does not say why it exists"
    actual: list[str] = []
    lines = iter(written.splitlines())
    for line in lines:
        actual.append(line)
        if not line or line.startswith("#"):
            continue
        assert next(lines, None) == _RULE, f"{path.name}: no {_RULE} after {line!r}"
        for expected in lines:
            if not expected:
                break
        actual += [_RULE, *execute(parse_directive(line)).splitlines(), ""]
    text = "\n".join(actual).rstrip("\n") + "\n"
    if rewrite:
        path.write_text(text)
    else:
        assert text == written, f"{path}: printed something else; see --rewrite"
