"""Profile: who a customer is, field by field, each with its value, how sure it is, the events that show it, and until when it holds.

Works on plain arrays: `Base` of a Shop, then `profile` for one customer, `table` and `write` for many.
"""

from __future__ import annotations

from regard.customers.profile.base import Base
from regard.customers.profile.batch import Written, table, write
from regard.customers.profile.changes import Change
from regard.customers.profile.fields import FIELDS, GROUPS, Field
from regard.customers.profile.profile import Evidence, Profile, Told, profile

__all__ = [
    "FIELDS",
    "GROUPS",
    "Base",
    "Change",
    "Evidence",
    "Field",
    "Profile",
    "Told",
    "Written",
    "profile",
    "table",
    "write",
]
