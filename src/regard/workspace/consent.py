"""Consent: what a customer who has not consented is answered, without anything that is known or told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from regard.insight import words
from regard.insight.answer import Answer
from regard.insight.history import Ask

Owners = Mapping[str, str | None]
"""Whose an id is; None for one of whom nothing may be looked at."""


def meant(asks: Sequence[Ask], owners: Owners) -> list[Ask]:
    """The questions, each about whom its id means; one about somebody who has not consented made one about nobody: neither the
    id, nor the open basket, nor the interests are looked at.
    """
    return [
        ask
        if ask.customer is None
        else Ask()
        if (owner := owners[ask.customer]) is None
        else replace(ask, customer=owner)
        for ask in asks
    ]


def named(answers: Sequence[Answer], asks: Sequence[Ask], owners: Owners, language: str) -> list[Answer]:
    """The answers to `meant`, under the ids that were asked about; those of whoever has not consented say so."""
    return [
        answer
        if ask.customer is None
        else replace(answer, customer=ask.customer)
        if owners[ask.customer] is not None
        else replace(answer, customer=ask.customer, notes=(words.no_consent(ask.customer, language), *answer.notes))
        for answer, ask in zip(answers, asks, strict=True)
    ]
