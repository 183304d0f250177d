"""Pages agree with the repository: links lead somewhere, what they show is in the files they show."""

import re
from pathlib import Path
from typing import Final

import pytest

from history import load

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changelog.d/*")])
DECISIONS: Final = sorted(ROOT.glob("docs/decisions/[0-9]*.md"))

_LINK: Final = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_CODE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What a link into `page` may name, by the rule of GitHub."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for name, anchor in _LINK.findall(_CODE.sub("", page.read_text())):
        target = page.parent / name if name else page
        assert target.exists(), f"{name} does not exist"
        if anchor:
            assert anchor in anchors(target), f"{name} has no heading {anchor}"


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, todo = set(), [ROOT / "docs" / "index.md"]
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            names = [name for name, _ in _LINK.findall(page.read_text()) if name.endswith(".md")]
            todo += [(page.parent / name).resolve() for name in names]
    fragments = {page for page in PAGES if page.parent.name == "changelog.d"}
    assert sorted(set(PAGES) - reached - fragments) == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_a_number_a_date_and_says_what_would_change_our_mind(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.name[:4]}: ")
    assert re.search(r"^\d{4}-\d\d-\d\d$", text, re.MULTILINE)
    for part in ("**Context.**", "**Choice.**", "**What would change our mind.**"):
        assert part in text


def test_no_two_decisions_have_one_number() -> None:
    """Gaps are allowed: numbers are given out before the decisions are written."""
    numbers = [page.name[:4] for page in DECISIONS]
    assert sorted(set(numbers)) == numbers


def test_the_tutorial_shows_a_history_as_it_is() -> None:
    tutorial = (ROOT / "docs" / "tutorial.md").read_text()
    match = re.search(r"^\$ cat (\S+)\n(.*?)^\$", tutorial, re.MULTILINE | re.DOTALL)
    assert match is not None
    path = ROOT / match[1]
    assert match[2] == path.read_text()
    assert load(path).operations


def test_commands_that_pages_name_exist() -> None:
    commands = {path.stem for path in (ROOT / "harness" / "cli").glob("*.py")}
    for page in PAGES:
        named = set(re.findall(r"^\$ gong ([a-z]+)\b", page.read_text(), re.MULTILINE))
        assert named <= commands, page


def test_modules_that_the_tour_names_exist() -> None:
    tour = _CODE.sub("", (ROOT / "docs" / "architecture.md").read_text())
    files = {path.name for path in ROOT.glob("*/**/*.py")}
    assert set(re.findall(r"`([a-z_]+\.py)`", tour)) <= files
