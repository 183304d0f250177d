"""Options and Hypothesis settings of all tests."""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

_EXAMPLES_MAX: Final = 50

# Deadlines depend on the machine, not on the code; a failure prints what repeats it.
settings.register_profile(
    "gong",
    deadline=None,
    max_examples=_EXAMPLES_MAX,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("gong")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write into the golden files what is printed now; then read the diff",
    )


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--rewrite"))


@pytest.fixture
def golden_root() -> Path:
    return Path(__file__).parent / "golden" / "testdata"
