"""Names of segments: the words that tell each apart, by class-based TF-IDF, in English and Chinese.

Grootendorst, 'BERTopic: Neural topic modeling with a class-based TF-IDF procedure', 2022 (arXiv 2203.05794): one
document a segment, weight = tf(word, segment) x ln(1 + A / f(word)) with A the mean words of a segment and f the count
in all of them. A word counts once a customer, so that nobody's bulk order names a segment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.customers.segments import words
from regard.customers.segments.tgi import LEAST, WORD_KINDS, Traits, lower

WORDS = 3
"""Words of a name; more are not read."""

SPOKEN = frozenset(WORD_KINDS) - {"price"}
"""Kinds of words that a name may use; a price band has only a number."""


@dataclass(frozen=True, kw_only=True)
class Name:
    """What a segment is called.

    Args: en: in English. zh: in Chinese; words of the catalogue stay as they are there. words: what it is made of.
    """

    en: str
    zh: str
    words: tuple[str, ...]

    def in_(self, language: str) -> str:
        """The name in 'en' or 'zh'."""
        return self.zh if language == "zh" else self.en


def weights(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """c-TF-IDF, float64 [K, W].

    Args:
        counts: float64 [K, W], how often each segment has each word.

    >>> weights(np.array([[4.0, 4, 0], [4, 0, 4]])).round(2).tolist()
    [[0.35, 0.55, 0.0], [0.35, 0.0, 0.55]]
    """
    total = counts.sum(axis=0)
    mean = counts.sum() / max(len(counts), 1)
    rarity = np.log1p(mean / np.maximum(total, 1))
    tf = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.asarray(tf * rarity, dtype=np.float64)


def names(
    traits: Traits, label: NDArray[np.int64], groups: int, *, spending: NDArray[np.float64] | None = None
) -> list[Name]:
    """A name for each segment, no two alike.

    Words must surely be commoner in the segment than among everybody; where no word is, traits of the profile name it,
    and where nothing at all sets it apart, its number.

    Args:
        traits: of N customers. label: int64 [N], -1 for none. groups: K.
        spending: float64 [K], money a customer beside everybody's mean, 1 = as much; NaN or None where unknown.
    """
    counts = traits.counts(label, groups)
    size = np.bincount(label[label >= 0], minlength=groups)
    base = np.asarray(traits.has.sum(axis=0), dtype=np.float64).ravel() / max(len(label), 1)
    spoken = np.array([field in SPOKEN for field in traits.fields], dtype=bool)
    bound = np.stack([lower(counts[g], size[g]) for g in range(groups)]) if groups else np.zeros((0, len(base)))
    sure = (bound > base) & (counts >= LEAST)
    weight = np.zeros_like(counts)
    weight[:, spoken] = weights(counts[:, spoken])
    taken: set[tuple[str, str]] = set()
    result = []
    for group in range(groups):
        chosen = _texts(traits, np.where(sure[group] & spoken, weight[group], 0))
        if not chosen:
            lift = np.where(sure[group], bound[group] / np.maximum(base, 1e-12), 0)
            chosen = [f"{traits.fields[t]} {traits.levels[t]}" for t in np.argsort(-lift, kind="stable") if lift[t] > 0]
        index = float("nan") if spending is None else float(spending[group])
        result.append(_name(chosen, index, group + 1, taken))
    return result


def _texts(traits: Traits, weight: NDArray[np.float64]) -> list[str]:
    """Words by weight, the heaviest first; a word that is part of one chosen already says nothing new."""
    chosen: list[str] = []
    for trait in np.argsort(-weight, kind="stable")[: 20 * WORDS]:
        text = traits.levels[trait].rsplit(" > ", 1)[-1]
        known = any(text.casefold() in other.casefold() or other.casefold() in text.casefold() for other in chosen)
        if weight[trait] > 0 and not known:
            chosen.append(text)
    return chosen


def _name(chosen: list[str], spending: float, number: int, taken: set[tuple[str, str]]) -> Name:
    """The shortest of the ways to say it that is not taken."""
    some = chosen[:WORDS] or []
    for extra in range(max(len(chosen) - WORDS, 0) + 1):
        some = chosen[: WORDS + extra]
        pair = (words.name(some, spending, number, "en"), words.name(some, spending, number, "zh"))
        if pair not in taken:
            break
    else:
        some = chosen[:WORDS]
        pair = (
            f"{words.name(some, spending, number, 'en')} ({number})",
            f"{words.name(some, spending, number, 'zh')}（{number}）",
        )
    taken.add(pair)
    return Name(en=pair[0], zh=pair[1], words=tuple(some))
