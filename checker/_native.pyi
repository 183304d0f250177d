# Types of the compiled module; each part of checker/native has a section of its own.

# native/search_bindings.cpp, called by checker/lowering.py
from checker.lowering import MayBecome, Poll, Step
from checker.orders.native import Lowered as LoweredOrders, Step as StepOrders

def search(
    live_count: int,
    classes: list[int],
    arrivals: list[int],
    kinds: list[int],
    only_in: list[int],
    targets: list[int],
    end: int,
    look_ahead: bool,
    step: Step,
    poll: Poll,
    grows: list[int],
    may_become: MayBecome | None,
    /,
) -> tuple[str, list[int], int, list[int], list[int], bool, int]: ...

# native/registers_bindings.cpp, called by checker/columnar/

# What the native zones found; `operations` contradict each other, -1 where a role is not taken.
class RegistersFinding:
    @property
    def answer(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def operations(self) -> list[int]: ...
    @property
    def order(self) -> memoryview[int]: ...
    @property
    def objects(self) -> int: ...
    @property
    def crashed(self) -> int: ...

def judge_registers(
    calls: memoryview[int],
    returns: memoryview[int],
    point_count: int,
    outcomes: memoryview[int],
    names: memoryview[int],
    kinds: bytes,
    keys: memoryview[int] | None,
    values: memoryview[int],
    outputs: memoryview[int],
    pairs: memoryview[int],
    text_kinds: memoryview[int],
    initial: int,
    seconds: float,
) -> RegistersFinding: ...

# What the native search found in registers; see native/registers_search.hpp.
class RegistersSearched:
    @property
    def answer(self) -> str: ...
    @property
    def order(self) -> memoryview[int]: ...
    @property
    def objects(self) -> int: ...
    @property
    def crashed(self) -> int: ...
    @property
    def operation(self) -> int: ...
    @property
    def values(self) -> list[int]: ...
    @property
    def beside(self) -> list[int]: ...

def search_registers(
    calls: memoryview[int],
    returns: memoryview[int],
    point_count: int,
    outcomes: memoryview[int],
    names: memoryview[int],
    kinds: bytes,
    keys: memoryview[int] | None,
    values: memoryview[int],
    outputs: memoryview[int],
    pairs: memoryview[int],
    text_kinds: memoryview[int],
    initial: int,
    configurations: int,
    poll: Poll,
) -> RegistersSearched: ...
def registers_flaw(
    calls: memoryview[int],
    returns: memoryview[int],
    point_count: int,
    outcomes: memoryview[int],
    names: memoryview[int],
    kinds: bytes,
    keys: memoryview[int] | None,
    values: memoryview[int],
    outputs: memoryview[int],
    pairs: memoryview[int],
    text_kinds: memoryview[int],
    initial: int,
    order: memoryview[int],
) -> str: ...

# native/orders_bindings.cpp, called by checker/orders/native.py
def search_orders(
    lowered: LoweredOrders,
    looks_ahead: bool,
    step: StepOrders,
    poll: Poll,
    /,
) -> tuple[
    str,
    list[int],
    list[int],
    list[int],
    list[tuple[int, int, int, int]],
    int,
    bool,
    int,
]: ...
