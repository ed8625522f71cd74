"""A gradient-boosted ranker over hand-made features: what a careful team builds today where it has no such model as ours.

LambdaMART asks, of a few candidates a question, for the order with the best NDCG. Source: Burges, From RankNet to LambdaRank to
LambdaMART, 2010.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ranker_features import Known, describe, end_of, know
from regard.evaluation.baselines.history import has_several_behaviours
from regard.evaluation.measure import CELLS, sample
from regard.sequences.log import DAY, Log
from regard.sequences.popularity import half_lives_of
from regard.sequences.split import ContentOf, leave_one_out, midnight, time_split
from regard.sequences.view import Content, Split, View
from regard.sequences.vocabulary import Vocabulary

CUTS = 4
"""Earlier moments from which it learns, each as long before the next as its questions reach ahead."""

LEAST = 200
"""Answered questions below which nothing is learnt: a few hundred rows would only be learnt by heart."""

MOST = 6_000
"""Questions it learns from, some hundred thousand pairs; more only cost time."""

ROUNDS = 60
"""Trees; few, as they begin where the straight line ends."""

TREES: dict[str, Any] = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 15,  # a little more than the ten places that count
    "learning_rate": 0.1,
    "num_leaves": 15,
    "max_bin": 63,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "verbose": -1,
}

LEAF = (20, 1_000)
"""A leaf holds at least this many pairs, and one in so many of all."""

SOFT = 0.01
"""Added to a feature before its logarithm."""

HELD = 0.01
"""How freely the line's weights grow, as scikit-learn's C."""


def boosted(split: Split) -> tuple[tuple[Boosted, ...], str]:
    """The ranker for a split's questions, or none and in one line why."""
    method = Boosted(days=split.days, mask=split.mask)
    if split.view.log.clock != "clock":
        return (), f"{method.name} left out: its features are days, and this log has no clock"
    if (asked := sum(len(each) for each in questions(split.view, split.days))) < LEAST:
        return (), f"{method.name} left out: {asked} earlier answers to learn from, and it takes {LEAST}"
    try:
        for library in ("lightgbm", "sklearn"):
            import_module(library)
    except (
        ImportError,
        OSError,
    ) as error:  # OSError: LightGBM is there, the system's OpenMP library that it needs is not
        return (), f"{method.name} left out: {error}"
    return (method,), ""


def questions(view: View, days: int | None) -> list[Split]:
    """What was asked and answered within a view, newest first, each part with a view of its own that ends before the answers;
    a time in which nobody came back is passed over.

    Args:
        view: what may be seen. days: how far ahead questions of a time split reach; None = each customer's last wish is asked for.
    """
    content = _content_of(view)
    if days is None or view.cut is None:
        return [leave_one_out(view.log, target=view.target, content_of=content)]
    log, cut, found = view.log, view.cut, list[Split]()
    while len(found) < CUTS:
        earlier = midnight(cut, log.time_zone, days=-days)
        if earlier - int(log.time.min()) < days * DAY:
            break
        log = log.where(log.time < cut)
        if len(part := time_split(log, target=view.target, content_of=content, days=days, cut=earlier)):
            found.append(part)
        cut = earlier
    return found


@dataclass(frozen=True, kw_only=True)
class Boosted:
    """Learns from what was asked and answered before: a straight line first, then trees for what it leaves.

    On two earlier months of a gift wholesaler the line alone reaches NDCG@10 .312, trees alone .313, both .318.

    Args:
        days: as in `questions`. mask: 'none', 'target' or 'seen': own items that are no candidates.
    """

    days: int | None
    mask: str
    name: str = "boosted_ranker"

    def grid(self, view: View) -> tuple[Boosted, ...]:
        """Nothing to choose from outside."""
        return (self,)

    def fit(self, view: View) -> Ranked:
        """Count, describe, learn."""
        several = has_several_behaviours(view.log, view.target)
        half_lives = half_lives_of((end_of(view) - int(view.log.time.min())) / DAY)
        tables = []
        for part in (parts := questions(view, self.days)):
            known = know(part.view, half_lives, several=several)
            tables.append(_table(known, sample(part, MOST // len(parts), seed=0), self.mask))
        table = _joined(tables)
        line = Line.fit(table.features, table.wanted) if 0 < table.wanted.sum() < len(table.wanted) else None
        return Ranked(
            name=self.name,
            known=know(view, half_lives, several=several),
            mask=self.mask,
            line=line,
            trees=line and _grow(table, line),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked:
    """A Scorer: the trees' order of the candidates, and nearest customers' order of all others below them.

    Args:
        name: of the method. known: of the view. mask: as in `Boosted`.
        line: where the trees begin. trees: a LightGBM booster. None where no answer was a candidate: then all are the others.
    """

    name: str
    known: Known
    mask: str
    line: Line | None
    trees: Any

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V]."""
        pairs = describe(self.known, queries, asof, mask=self.mask)
        scores = pairs.fallback / np.maximum(pairs.fallback.max(axis=1, keepdims=True), 1e-9)
        if self.line is not None and len(pairs.item):
            found = self.line.score(pairs.features) + self.trees.predict(pairs.features)
            scores += found.min() - 2
            scores[pairs.question, pairs.item] = found
        return np.asarray(scores, dtype=np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """Logistic regression on every feature, its logarithm and whether it is known: most of what is to be learnt adds up.

    Args:
        model: a scikit-learn pipeline. gaps: bool [F], features that may be unknown.
    """

    model: Any
    gaps: NDArray[np.bool_]

    @classmethod
    def fit(cls, features: NDArray[np.float32], wanted: NDArray[np.bool_]) -> Line:
        """Learn from float32 [P, F] features and bool [P] answers."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = make_pipeline(StandardScaler(), LogisticRegression(C=HELD))
        gaps = np.asarray(np.isnan(features).any(axis=0))
        return cls(model=model.fit(_widened(features, gaps), wanted), gaps=gaps)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """float64 [P], log odds."""
        return np.asarray(self.model.decision_function(_widened(features, self.gaps)), dtype=np.float64)


def _widened(features: NDArray[np.float32], gaps: NDArray[np.bool_]) -> NDArray[np.float32]:
    known = np.nan_to_num(features)
    return np.concatenate([known, np.log(np.maximum(known, 0) + SOFT), np.isnan(features[:, gaps])], axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Table:
    """Answered questions whose answer is among the candidates: features float32 [P, F], wanted bool [P], size int64 [Q]."""

    features: NDArray[np.float32]
    wanted: NDArray[np.bool_]
    size: NDArray[np.int64]


def _table(known: Known, split: Split, mask: str) -> _Table:
    V, parts = len(known.view.log.items), list[_Table]()
    size = max(1, CELLS // V)
    for start in range(0, len(split), size):
        rows = np.arange(start, min(start + size, len(split)))
        pairs = describe(known, split.queries.take(rows), split.asof[rows], mask=mask)
        targets = split.targets.take(rows)
        answers = np.repeat(np.arange(len(rows)), targets.lengths) * V + targets.values
        wanted = np.isin(pairs.question * V + pairs.item, answers[targets.values >= 0])
        many = np.bincount(pairs.question, minlength=len(rows))
        told = np.bincount(pairs.question, wanted, minlength=len(rows)) > 0
        kept = told[pairs.question]
        parts.append(_Table(features=pairs.features[kept], wanted=wanted[kept], size=many[told]))
    return _joined(parts)


def _joined(parts: list[_Table]) -> _Table:
    return _Table(
        features=np.concatenate([part.features for part in parts]),
        wanted=np.concatenate([part.wanted for part in parts]),
        size=np.concatenate([part.size for part in parts]),
    )


def _grow(table: _Table, line: Line) -> Any:
    """A LightGBM booster of what the line leaves."""
    import lightgbm

    few, part = LEAF
    settings = {**TREES, "min_data_in_leaf": max(few, len(table.wanted) // part)}
    start = line.score(table.features)
    data = lightgbm.Dataset(table.features, table.wanted, group=table.size, init_score=start, params=settings)
    return lightgbm.train(settings, data, ROUNDS)


def _content_of(view: View) -> ContentOf:
    """What the view knows of its items, for views inside it."""

    def content(items: Vocabulary, before: int | None) -> Content:
        return view.content.take(view.log.items.codes(items.ids.to_pylist()))

    return content
