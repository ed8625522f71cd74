"""Public keys: what somebody may say who has only what stands in a shop's page.

Everybody can read that key, so it proves nothing about who sends. Acts are taken under any id, because a page has to say
what its customer does, and one act more or less is what counting and the gate have to bear anyway. To join histories, or
to set traits or consent, would change what is known of somebody else: that is left to the shop's own server. One thing
is an exception: consent for an anonymous id of the snippet. It has 128 random bits, nobody but that browser knows it,
so knowing it is proof enough.

An id counts once, so whoever could guess the id of an order to come could send it first and have the order taken for a
repeat. Ids of public keys therefore count among themselves: `page/` stands before each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from regard.events.live.record import Refusal, raw_of

ANONYMOUS = re.compile(r"a-[0-9a-f]{32}", re.ASCII)
"""An anonymous id as the snippet makes it."""

SPACE = "page/"
"""What stands before the event ids of public keys."""

REASON = "a public key may not say who somebody is"


def allowed(record: object) -> object:
    """The record as it may be taken, or its refusal where it takes another key.

    >>> allowed({"customer": "C42", "behaviour": "view_item", "event_id": "e1"})["event_id"]
    'page/e1'
    >>> allowed({"kind": "identify", "customer": "C42", "traits": {"consent": True}}).reason
    'a public key may not say who somebody is'
    """
    if not isinstance(record, Mapping):
        return record
    if record.get("kind") in ("identify", "alias") and not _own_consent(record):
        return Refusal(reason=REASON, raw=raw_of(record))
    given = record.get("event_id")
    if isinstance(given, (str, int)) and not isinstance(given, bool) and given != "":
        return {**record, "event_id": f"{SPACE}{given}"}
    return record


def _own_consent(record: Mapping[str, Any]) -> bool:
    """Whether an identification tells the consent of an anonymous id of the snippet, and nothing else."""
    customer, traits = record.get("customer"), record.get("traits", {})
    own = isinstance(customer, str) and ANONYMOUS.fullmatch(customer) is not None
    only_consent = isinstance(traits, Mapping) and set(traits) <= {"consent"}
    return record["kind"] == "identify" and own and record.get("anonymous") is None and only_consent
