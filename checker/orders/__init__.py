"""Orders other than real time: what must come before what, and the search for an order that does.

Linearizability keeps real time and nothing else, and then every object can be judged alone. The
two orders here keep the order in which each client issued its operations, and then they cannot:
see `checker.orders.chains` for what is kept, `checker.orders.judge` for what that costs.
"""

from checker.orders.judge import ENGINE as ENGINE, check as check, judge as judge
from checker.orders.ladder import with_weaker_orders as with_weaker_orders
from checker.orders.problem import Order as Order
from checker.orders.stamps import claimed as claimed
from checker.orders.witness import flaw as flaw
