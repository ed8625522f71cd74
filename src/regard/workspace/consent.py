"""Consent: what a customer who has not consented is answered, without anything that is known or told of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from regard.insight import words
from regard.insight.answer import Answer
from regard.insight.history import Ask


def strangers(asks: Sequence[Ask], withheld: Collection[str]) -> list[Ask]:
    """The questions, each about somebody who has not consented made one about nobody: neither the id, nor the open basket,
    nor the interests are looked at.
    """
    return [Ask() if ask.customer in withheld else ask for ask in asks]


def named(answers: Sequence[Answer], asks: Sequence[Ask], withheld: Collection[str], language: str) -> list[Answer]:
    """The answers to `strangers`, under the customers' own ids; those of whoever has not consented say so."""
    return [
        replace(answer, customer=ask.customer, notes=(words.no_consent(ask.customer, language), *answer.notes))
        if ask.customer is not None and ask.customer in withheld
        else answer
        for answer, ask in zip(answers, asks, strict=True)
    ]
