"""Judge registers on columns: a history of millions of operations without one Python object each.

For `register`, `cas-register` and `kv`. Where the values written to a key are all different, the
native zones take the columns and give an order, or a few operations that contradict each other.
Where they are not, the native search takes them, as long as that is easy. Else `check` goes on as
if nobody had been asked. `docs/internals/columns.md` has the argument.
"""

from checker.columnar.judge import flaw, judge
from checker.columnar.operations import IS_NATIVE

__all__ = ["IS_NATIVE", "flaw", "judge"]
