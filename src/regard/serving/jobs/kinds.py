"""The kinds of jobs there are, and what may be said to each. What is not listed here cannot be run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from regard.errors import UsageError

Lane = Literal["store", "model", "read"]
"""What a job has to itself: of each lane one runs at a time, so that there never are two writers or two trainings."""

_MOST_SECONDS = 24 * 3600


class Arguments(BaseModel):
    """What is said to a job; an unknown word is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Arguments):
    """There is nothing to say."""


class Train(Arguments):
    """Train a model on all events."""

    budget: float = Field(default=300, gt=0, le=_MOST_SECONDS, description="Seconds it may take in all.")
    steps: int | None = Field(default=None, ge=1, le=10_000_000, description="Exactly so many steps instead.")
    seed: int = Field(default=0, ge=0, lt=2**31, description="What chance is drawn from.")
    leave_out_anomalies: bool = Field(default=False, description="Train without unusual customers.")


class Refresh(Arguments):
    """Train on from the model in service, compare the two on events that neither has seen, and switch if it is no worse."""

    budget: float = Field(default=300, gt=0, le=_MOST_SECONDS, description="Seconds that all the training may take.")
    seed: int = Field(default=0, ge=0, lt=2**31, description="What chance is drawn from.")
    warm: bool = Field(default=True, description="Begin at the weights of the model in service.")


class Evaluate(Arguments):
    """The recipe of the model in service against every baseline, on events that none has seen."""

    days: int = Field(default=30, ge=1, le=3_650, description="How many of the last days are hidden.")
    mask: Literal["none", "target", "seen"] | None = Field(default=None, description="Own items left out.")


class RecommendAll(Arguments):
    """Everybody's recommendations into one Parquet file."""

    n: int = Field(default=10, ge=1, le=1_000, description="Items a customer.")
    exclude: Literal["none", "target", "seen"] | None = Field(default=None, description="Own items left out.")
    filter: str | None = Field(default=None, max_length=4_000, description="Condition on item columns.")
    model: str | None = Field(default=None, max_length=40, description="Id of a model; none = the one in service.")


class Profiles(Arguments):
    """Everybody's profile into one Parquet file."""

    model: str | None = Field(default=None, max_length=40, description="Id of a model; none = the one in service.")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of job.

    Args:
        arguments: what may be said. lane: see `Lane`.
        resumes: whether it goes on where it was when its process is gone; else it has failed.
        file: ending of the file that it writes, '' for none.
    """

    arguments: type[Arguments] = Nothing
    lane: Lane
    resumes: bool = False
    file: str = ""


KINDS: dict[str, Kind] = {
    "train": Kind(arguments=Train, lane="model", resumes=True),
    "refresh": Kind(arguments=Refresh, lane="model", resumes=True),
    "evaluate": Kind(arguments=Evaluate, lane="model", resumes=True),
    "seal": Kind(lane="store", resumes=True),
    "compact": Kind(lane="store", resumes=True),
    "pack": Kind(lane="read", resumes=True),
    "segments": Kind(lane="read", resumes=True),
    "recommend_all": Kind(arguments=RecommendAll, lane="read", file=".parquet"),
    "profiles": Kind(arguments=Profiles, lane="read", file=".parquet"),
}


def checked(kind: str, arguments: Any) -> dict[str, Any]:
    """What is said to a job, in full and of the right types.

    Args:
        kind: of KINDS. arguments: a mapping.

    Raises:
        UsageError: there is no such kind, or something said does not fit it.

    >>> checked("seal", {}), checked("evaluate", {"days": 7})
    ({}, {'days': 7, 'mask': None})
    """
    if kind not in KINDS:
        raise UsageError("there is no job of this kind", hint=f"one of {', '.join(KINDS)}")
    try:
        return KINDS[kind].arguments.model_validate(arguments).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "arguments"
        raise UsageError(f"{kind}: {place}: {first['msg']}", hint=f"it takes {_takes(kind)}") from None


def _takes(kind: str) -> str:
    return ", ".join(KINDS[kind].arguments.model_fields) or "no arguments"
