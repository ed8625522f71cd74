"""Registered: the segments that a workspace has registered, and which of its customers are in them."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from regard.customers.profile.membership import Memberships, Segment
from regard.customers.segments.keeping import read
from regard.errors import ModelError
from regard.sequences.ragged import Ragged
from regard.sequences.vocabulary import Vocabulary
from regard.workspace.segment_registry import Registry


def registered(registry: Registry, customers: Vocabulary) -> Memberships:
    """Clusters of the newest fit, and saved rules, each with the members that were found then.

    Args: registry: of the workspace. customers: B ids.
    """
    segments: list[Segment] = []
    owner: list[np.ndarray] = []
    place: list[np.ndarray] = []
    known, note = np.ones(len(customers), dtype=bool), ""
    fits = registry.fits()
    if fits and fits[0].folder.is_dir():
        try:
            fit = read(fits[0].folder)
        except ModelError as error:
            note = str(error)
        else:
            at = _seconds(fits[0].at)
            segments += [
                Segment(id=id, en=name.en, zh=name.zh, kind="cluster", at=at)
                for id, name in zip(fit.segments.ids, fit.names, strict=True)
            ]
            codes = fit.segments.customers.codes(customers.ids.to_pylist())
            label, known = np.append(fit.segments.label, -1)[codes], codes >= 0
            owner, place = [np.flatnonzero(label >= 0)], [label[label >= 0]]
    for rule in registry.rules():
        codes = customers.codes(rule.members)
        owner.append(codes[codes >= 0])
        place.append(np.full(len(owner[-1]), len(segments)))
        known[owner[-1]] = True
        segments.append(Segment(id=rule.name, en=rule.name, zh=rule.name, kind="rule", at=_seconds(rule.at)))
    none = np.empty(0, dtype=np.int64)
    of = Ragged.from_groups(np.concatenate([none, *owner]), np.concatenate([none, *place]), len(customers))
    return Memberships(segments=tuple(segments), of=of, known=known, note=note)


def _seconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp())
