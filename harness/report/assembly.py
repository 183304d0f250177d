"""Template, style, script and data become a single file.

The page runs only its own script: the content security policy names its hash, so that a value
which found a way into the markup would still not execute. The data stand in a block of JSON in
pure ASCII without `<`, `>` and `&`, which no parser of HTML can leave early.
"""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


class ReportError(Exception):
    """A report cannot be written: one sentence that says which file and what was expected."""


def write_page(path: Path, page: str) -> None:
    """Replace `path` at once, so that a reader never sees half a page."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(page, encoding="utf-8", errors="backslashreplace")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ReportError(f"{path}: cannot write the report: {error.strerror}") from error


def data_block(data: object) -> str:
    """JSON that may stand between script tags, whatever is in it."""
    words = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return words.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def content_hash(words: str) -> str:
    """What a content security policy calls a script or a style."""
    digest = hashlib.sha256(words.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def asset(name: str) -> str:
    """The text of a file in `static`; the name may have a folder in it."""
    return files("harness.report").joinpath("static", *name.split("/")).read_text(encoding="utf-8")


def script_of(names: Sequence[str]) -> str:
    """Files of `static`, joined inside one function, in this order."""
    parts = [f"// {name}.js\n{asset(f'{name}.js')}" for name in names]
    script = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    assert "</" not in script, "would end the script element"
    return script


@cache
def template(name: str) -> Template:
    """A file of `templates`."""
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
