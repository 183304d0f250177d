"""`python -m harness`: the same as the console script `gong`."""

from harness.cli import main

main()
