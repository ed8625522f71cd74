"""A shop whose truth is known: events, items, customers, and beside them who buys what, when, because of which event.

For the demo, the tests and the docs; nothing here is learned from anyone's data.
"""

from regard.simulate.settings import Settings
from regard.simulate.shop import Shop, shop
from regard.simulate.write import write

__all__ = ["Settings", "Shop", "shop", "write"]
