"""Lookalikes: a seed from a file or a list, who is most like it, and these as a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

from regard.customers import segments as room
from regard.customers.segments import Lookalike
from regard.errors import InputError, ModelError
from regard.events.names import id_of
from regard.workspace import audience
from regard.workspace.crowd import Crowd
from regard.workspace.data import Data


class Finding(TypedDict, total=False):
    """What can be said with `lookalike`; explained there."""

    out: str | Path | None
    known_only: bool
    language: str | None


def lookalike(
    seen: Crowd, data: Data, folder: Path, seed: str | Path | Iterable[object], n: int, **how: Unpack[Finding]
) -> Lookalike:
    """The n customers most like a seed audience.

    Args:
        seen: everybody. data: who consents. folder: the workspace.
        seed: a file (see `audience.seed`), or ids. out: CSV file that they are written to; None = none.
        known_only: go on without those of the seed who are unknown or have not consented.
        language: 'en' or 'zh', of the reasons; None = the workspace's.

    Raises:
        ModelError: there is no model. InputError: somebody of the seed is unknown. ConsentError: somebody has not
            consented. UsageError: as `expand`. WorkspaceError: the file cannot be written.
    """
    out, language = how.get("out"), how.get("language") or data.config.language
    if seen.ranker is None:
        raise ModelError("a lookalike audience needs a trained model", hint=f"regard train {folder}")
    asked = audience.seed(Path(seed)) if isinstance(seed, str | Path) else [id_of(name) for name in seed]
    if not how.get("known_only"):
        _all_known(asked, seen, data)
    like = room.expand(replace(seen.people, states=seen.states), asked, n, traits=seen.traits, language=language)
    if out is not None:
        lines = ((one.customer, round(one.score, 6), audience.joined(one.reasons, language)) for one in like.customers)
        audience.write(Path(out), ("customer", "score", "reasons"), lines)
    return like


def _all_known(asked: Sequence[str], seen: Crowd, data: Data) -> None:
    data.must_consent(asked)
    unknown = [name for name in dict.fromkeys(asked) if name not in seen.people.customers]
    if unknown:
        whole = len(dict.fromkeys(asked))
        raise InputError(
            f"{len(unknown):,} of the seed's {whole:,} customers are not known here, such as '{unknown[0][:80]}'",
            hint="mend the list, or --known-only to go on without them",
        )
