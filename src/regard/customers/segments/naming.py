"""Names of segments: the words that tell each apart, by class-based TF-IDF, in English and Chinese.

Grootendorst, 'BERTopic: Neural topic modeling with a class-based TF-IDF procedure', 2022 (arXiv 2203.05794): one
document a segment, weight = tf(word, segment) x ln(1 + A / f(word)) with A the mean words of a segment and f the count
in all of them. A word counts once a customer, so that nobody's bulk order names a segment.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    traits: Traits,
    label: NDArray[np.int64],
    groups: int,
    *,
    spending: NDArray[np.float64] | None = None,
    kept: Mapping[int, Name] | None = None,
) -> list[Name]:
    """A name for each segment, no two alike.

    Words must surely be commoner in the segment than among everybody; where no word is, traits of the profile name it,
    and where nothing at all sets it apart, its number.

    Args:
        traits: of N customers. label: int64 [N], -1 for none. groups: K.
        spending: float64 [K], money a customer beside everybody's mean, 1 = as much; NaN or None where unknown.
        kept: segments that have a name and keep it.
    """
    kept = kept or {}
    counts = traits.counts(label, groups)
    size = np.bincount(label[label >= 0], minlength=groups)
    base = np.asarray(traits.has.sum(axis=0), dtype=np.float64).ravel() / max(len(label), 1)
    spoken = np.array([field in SPOKEN for field in traits.fields], dtype=bool)
    bound = np.stack([lower(counts[g], size[g]) for g in range(groups)]) if groups else np.zeros((0, len(base)))
    sure = (bound > base) & (counts >= LEAST)
    weight = np.zeros_like(counts)
    weight[:, spoken] = weights(counts[:, spoken])
    taken = {(name.en, name.zh) for name in kept.values()}
    result = []
    for group in range(groups):
        if group in kept:
            result.append(kept[group])
            continue
        chosen = _texts(traits, np.where(sure[group] & spoken, weight[group], 0))
        if not chosen:
            chosen = _traits(traits, np.where(sure[group], bound[group] / np.maximum(base, 1e-12), 0))
        index = float("nan") if spending is None else float(spending[group])
        result.append(_name(chosen, index, group + 1, taken))
    return result


def _texts(traits: Traits, weight: NDArray[np.float64]) -> list[tuple[str, str]]:
    """Words by weight, the heaviest first, alike in both languages; a part of one chosen already says nothing new."""
    chosen: list[str] = []
    for trait in np.argsort(-weight, kind="stable")[: 20 * WORDS]:
        text = traits.levels[trait].rsplit(" > ", 1)[-1]
        known = any(text.casefold() in other.casefold() or other.casefold() in text.casefold() for other in chosen)
        if weight[trait] > 0 and not known:
            chosen.append(text)
    return [(text, text) for text in chosen]


def _traits(traits: Traits, lift: NDArray[np.float64]) -> list[tuple[str, str]]:
    """Traits in English and Chinese, the surest first, one a field."""
    best: dict[str, tuple[str, str]] = {}
    for trait in np.argsort(-lift, kind="stable"):
        field, level = traits.fields[trait], traits.levels[trait]
        if lift[trait] > 0 and field not in best:
            best[field] = (words.trait(field, level, "en"), words.trait(field, level, "zh"))
    return list(best.values())


def _name(chosen: list[tuple[str, str]], spending: float, number: int, taken: set[tuple[str, str]]) -> Name:
    """The shortest of the ways to say it that is not taken."""
    least = min(WORDS, len(chosen))
    told = [_said(chosen[:length], spending, number) for length in range(least, len(chosen) + 1)]
    free = [at for at, pair in enumerate(told) if pair not in taken]
    en, zh = told[free[0]] if free else (f"{told[0][0]} ({number})", f"{told[0][1]}（{number}）")
    taken.add((en, zh))
    some = chosen[: least + (free[0] if free else 0)]
    return Name(en=en, zh=zh, words=tuple(text for text, _ in some))


def _said(chosen: list[tuple[str, str]], spending: float, number: int) -> tuple[str, str]:
    english, chinese = [text for text, _ in chosen], [text for _, text in chosen]
    return words.name(english, spending, number, "en"), words.name(chinese, spending, number, "zh")
