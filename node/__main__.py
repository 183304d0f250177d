"""`python -m node CONFIG ID`: one replica, for debugging; `gong node` is the command."""

import sys
from pathlib import Path

from node.cli import run_replica

run_replica(Path(sys.argv[1]), int(sys.argv[2]), until_stdin_closes=False)
