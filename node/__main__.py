"""`python -m node CONFIG PROCESS`: its replicas, for debugging; `gong node` is the command."""

import sys
from pathlib import Path

from node.cli import run_process

run_process(Path(sys.argv[1]), int(sys.argv[2]), until_stdin_closes=False)
