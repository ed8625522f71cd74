"""What a hand-made ranker is told of a customer and an item: a few cheap candidates each, and a row of numbers for every pair.

Legend: `Q` questions, `V` items, `P` pairs of a question and a candidate, `F` features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from regard.evaluation.baselines import LastItem, NearestCustomers, SequentialNeighbours
from regard.evaluation.baselines.history import counted, past
from regard.evaluation.candidates import blocked
from regard.evaluation.scorer import Method, Scorer
from regard.sequences.covisits import Neighbours, covisits, lift, neighbours
from regard.sequences.log import DAY, Log
from regard.sequences.view import Content, View

Columns = dict[str, NDArray[Any]]
"""Feature name -> [P], or [V] for what is known of items alone."""

CANDIDATES = {"nearest": 60, "sequential": 20, "covisit": 20, "popular": 10}
"""Places on the lists that make candidates; the first ten places are what counts, and more only cost time."""

BACK = (0.9, 0.7)
"""What a basket of one's own weighs against the one after it."""

LATEST = 20
"""Newest lines of a customer whose co-visits are asked."""

CONTRAST = 20.0
"""Factor on shares of what was bought before the logarithm: what nobody bought lately falls far below the average."""

YEAR = 365


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Q questions' candidates.

    Args:
        question: int64 [P], rising. item: int64 [P].
        features: float32 [P, F], NaN for what is not known. names: of the F features.
        fallback: float32 [Q, V], an order of all items, for those that are no candidates.
    """

    question: NDArray[np.int64]
    item: NDArray[np.int64]
    features: NDArray[np.float32]
    names: tuple[str, ...]
    fallback: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """What a training view tells, counted once.

    Args:
        view: the view. half_lives: days, over which own purchases and popularity fade.
        scorers: name -> baseline whose scores are features; 'nearest' mixes own and neighbours' purchases and is the fallback.
        covisits: each item's neighbours. words: float32 [V, W], content of length one. items: feature -> float64 [V].
    """

    view: View
    half_lives: tuple[float, ...]
    scorers: dict[str, Scorer]
    covisits: Neighbours
    words: Any
    items: Columns


def know(view: View, half_lives: tuple[float, ...], *, several: bool) -> Known:
    """Count all that the features need.

    Args:
        view: what may be seen. half_lives: days. several: whether behaviours beside the target tell something.
    """
    methods: dict[str, Method] = {
        "nearest": NearestCustomers(),
        "sequential": SequentialNeighbours(),
        "last": LastItem(),
        **{f"near_{life:g}d": NearestCustomers(own=0.0, half_life=life) for life in half_lives},
    }
    if several:
        methods["nearest_all"] = NearestCustomers(every=True)
        methods["sequential_all"] = SequentialNeighbours(every=True)
    return Known(
        view=view,
        half_lives=half_lives,
        scorers={name: method.fit(view) for name, method in methods.items()},
        covisits=neighbours(covisits(view), width=100),
        words=_words(view.content),
        items=_items(view, half_lives),
    )


def describe(known: Known, queries: Log, asof: NDArray[np.int64], *, mask: str) -> Pairs:
    """Candidates of Q questions and what is told of each.

    Args:
        known: of the view that is answered from. queries: Q histories over its vocabularies. asof: int64 [Q] seconds.
        mask: 'none', 'target' or 'seen': own items that are no candidates.
    """
    scores = {name: np.asarray(scorer.score(queries, asof)) for name, scorer in known.scorers.items()}
    scores |= _covisited(known, queries)
    question, item = np.nonzero(_candidates(known, queries, scores, mask))
    columns: Columns = {name: table[question, item] for name, table in scores.items()}
    for name in ("nearest", "sequential"):
        columns[f"{name}_share"] = columns[name] / np.maximum(scores[name].max(axis=1), 1e-9)[question]
    columns |= {name: values[item] for name, values in known.items.items()}
    for part in (_own, _looked, _customer):
        columns |= part(known, queries, asof, question, item)
    features = np.stack(list(columns.values()), axis=1, dtype=np.float32, casting="same_kind")
    return Pairs(question=question, item=item, features=features, names=tuple(columns), fallback=scores["nearest"])


def _candidates(known: Known, queries: Log, scores: Columns, mask: str) -> NDArray[np.bool_]:
    """bool [Q, V]."""
    free = np.tile(known.view.log.merchandise, (len(queries), 1))
    barred = blocked(queries, known.view.target, mask)
    if barred is not None:
        free[np.repeat(np.arange(len(barred)), barred.lengths), barred.values] = False
    found = np.zeros_like(free)
    popular = known.items[f"popular_{known.half_lives[min(1, len(known.half_lives) - 1)]:g}d"]
    for name, places in CANDIDATES.items():
        table = np.where(free, scores.get(name, popular), -np.inf)
        top = np.argpartition(-table, min(places, table.shape[1]) - 1, axis=1)[:, :places]
        np.put_along_axis(found, top, True, axis=1)
    return found & free


def _covisited(known: Known, queries: Log) -> Columns:
    """float32 [Q, V] each: what the latest lines' co-visits speak for, and how alike the customer's items are in content."""
    V, seen = len(known.view.log.items), past(queries)
    order = np.lexsort((seen.back, seen.owner))
    place = np.arange(len(order)) - np.searchsorted(seen.owner[order], seen.owner[order])
    order, place = order[place < LATEST], place[place < LATEST]
    recent, back = np.full((len(queries), LATEST), V), np.zeros((len(queries), LATEST), dtype=np.float32)
    recent[seen.owner[order], place], back[seen.owner[order], place] = seen.item[order], seen.back[order]
    found: Columns = {"covisit": lift(known.covisits, recent, back).toarray()[:, :V]}
    if known.words.shape[1]:
        taste = seen.matrix(np.power(BACK[0], seen.back))
        total = np.maximum(np.asarray(taste.sum(axis=1)).reshape(-1, 1), 1e-9)
        found["words"] = ((taste @ known.words) @ known.words.T).toarray() / total
    return found


def _own(
    known: Known, queries: Log, asof: NDArray[np.int64], question: NDArray[np.int64], item: NDArray[np.int64]
) -> Columns:
    """[P] each: when and how often the customer bought the item, and whether it is due again."""
    V, lines = len(known.view.log.items), _lines(known.view, queries, asof)
    keys, place, baskets = np.unique(lines.owner * V + lines.item, return_inverse=True, return_counts=True)
    last, first = (_extreme(place, lines.age, len(keys), how) for how in (np.minimum, np.maximum))
    back, oldest = (_extreme(place, lines.back, len(keys), how) for how in (np.minimum, np.maximum))
    gap = np.where(baskets > 1, (first - last) / np.maximum(baskets - 1, 1), np.nan)
    counts: Columns = {
        "own_baskets": baskets,
        "own_share": baskets / (oldest + 1),
        "own_quantity": np.bincount(place, lines.quantity) / baskets,
        **{f"own_{part:g}": np.bincount(place, np.power(part, lines.back)) for part in BACK},
        **{f"own_{life:g}d": np.bincount(place, np.exp2(-lines.age / life)) for life in known.half_lives},
    }
    times: Columns = {
        "own_since": last,
        "own_first": first,
        "own_back": back,
        "own_gap": gap,
        "own_late": last / np.maximum(gap, 1.0),
    }
    wanted = question * V + item
    columns = {name: _look_up(keys, values, wanted, 0.0) for name, values in counts.items()}
    return columns | {name: _look_up(keys, values, wanted, np.nan) for name, values in times.items()}


def _looked(
    known: Known, queries: Log, asof: NDArray[np.int64], question: NDArray[np.int64], item: NDArray[np.int64]
) -> Columns:
    """[P] each: what else the customer did with the item than buy it, and when last."""
    V, rows = len(known.view.log.items), np.flatnonzero(~queries.is_behaviour(known.view.target) & (queries.item >= 0))
    owner = queries.owner[rows]
    keys, place, events = np.unique(owner * V + queries.item[rows], return_inverse=True, return_counts=True)
    last = _extreme(place, (asof[owner] - queries.time[rows]) / DAY, len(keys), np.minimum)
    wanted = question * V + item
    return {
        "other_events": _look_up(keys, events, wanted, 0.0),
        "other_since": _look_up(keys, last, wanted, np.nan),
    }


def _customer(
    known: Known, queries: Log, asof: NDArray[np.int64], question: NDArray[np.int64], item: NDArray[np.int64]
) -> Columns:
    """[P] each: how often, how much, how varied and how dear the customer buys; and how the item's price compares."""
    Q, V, lines = len(queries), len(known.view.log.items), _lines(known.view, queries, asof)
    count, baskets = np.bincount(lines.owner, minlength=Q), _extreme(lines.owner, lines.back + 1, Q, np.maximum)
    kinds = np.bincount(np.unique(lines.owner * V + lines.item) // V, minlength=Q)
    since, first = (_extreme(lines.owner, lines.age, Q, how) for how in (np.minimum, np.maximum))
    gap = np.where(baskets > 1, (first - since) / np.maximum(baskets - 1, 1), np.nan)
    price, popular = known.items["price"], known.items[f"popular_{known.half_lives[-1]:g}d"]
    dear = np.isfinite(price[lines.item])
    usual = _mean(lines.owner[dear], price[lines.item[dear]], Q)
    columns: Columns = {
        "baskets": baskets,
        "basket_lines": count / np.maximum(baskets, 1),
        "kinds": kinds,
        "repeats": 1 - kinds / np.maximum(count, 1),
        "since": since,
        "first": first,
        "gap": gap,
        "late": since / np.maximum(gap, 1.0),
        "usual_price": usual,
        "usual_popularity": _mean(lines.owner, popular[lines.item], Q),
    }
    return {name: values[question] for name, values in columns.items()} | {"dearer": price[item] - usual[question]}


def _items(view: View, half_lives: tuple[float, ...]) -> Columns:
    """[V] each: how popular an item is and was a year ago, how old, how long unsold, how often bought again, how dear."""
    log, rows = view.log, np.flatnonzero(view.targets)
    item, V = log.item[rows], len(log.items)
    age = (end_of(view) - log.time[rows]) / DAY
    counts = {f"popular_{life:g}d": np.bincount(item, np.exp2(-age / life), minlength=V) for life in half_lives}
    counts["season"] = np.bincount(item, (age > YEAR - 25) & (age <= YEAR + 5), minlength=V)  # what it brought next
    pairs, lines = np.unique(log.owner[rows] * V + item, return_counts=True)
    buyers = np.bincount(pairs % V, minlength=V)
    quantity = np.where(log.quantity[rows] > 0, log.quantity[rows], np.nan)
    price = log.value[rows] / quantity
    priced, measured = price > 0, quantity > 0
    return {
        **{name: np.log1p(CONTRAST * V * count / max(count.sum(), 1e-9)) for name, count in counts.items()},
        "age": _extreme(item, age, V, np.maximum),
        "unsold": _extreme(item, age, V, np.minimum),
        "rebought": (np.bincount(pairs % V, lines > 1, minlength=V) + 1) / (buyers + 5),
        "per_buyer": np.bincount(pairs % V, lines, minlength=V) / np.maximum(buyers, 1),
        "price": _mean(item[priced], np.log(price[priced]), V),
        "quantity": _mean(item[measured], np.log(quantity[measured]), V),
    }


def _words(content: Content) -> Any:
    """Sparse float32 [V, W], each item's content of length one; what many items share counts less."""
    V, W = len(content.features), len(content.names)
    ones = np.ones(len(content.features.values), dtype=np.float32)
    bags = sp.csr_array((ones, content.features.values, content.features.offsets), shape=(V, W))
    bags = bags @ sp.diags_array(np.log1p(V / np.maximum(np.bincount(content.features.values, minlength=W), 1)))
    length = np.sqrt(np.asarray(bags.multiply(bags).sum(axis=1)).ravel())
    return (sp.diags_array(1 / np.maximum(length, 1e-9)) @ bags).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Lines:
    """What customers bought, an item once a basket: owner, item int64 [M]; age float64 [M] days; back int64 [M] baskets;
    quantity float64 [M], log(1 + units).
    """

    owner: NDArray[np.int64]
    item: NDArray[np.int64]
    age: NDArray[np.float64]
    back: NDArray[np.int64]
    quantity: NDArray[np.float64]


def _lines(view: View, queries: Log, asof: NDArray[np.int64]) -> _Lines:
    rows = counted(queries, view.target)
    owner, item = queries.owner[rows], queries.item[rows].astype(np.int64)
    baskets, basket = np.unique(owner * (1 << 32) + queries.basket[rows], return_inverse=True)
    newest = _extreme(baskets >> 32, np.arange(len(baskets)), len(queries), np.maximum)
    _, first = np.unique(basket * len(view.log.items) + item, return_index=True)
    rows, owner, item, basket = rows[first], owner[first], item[first], basket[first]
    return _Lines(
        owner=owner,
        item=item,
        age=(asof[owner] - queries.time[rows]) / DAY,
        back=newest[owner].astype(np.int64) - basket,
        quantity=np.log1p(np.maximum(np.nan_to_num(queries.quantity[rows]), 0)),
    )


def end_of(view: View) -> int:
    """Seconds at which the view ends."""
    return view.cut if view.cut is not None else int(view.log.time.max(initial=0)) + 1


def _extreme(place: NDArray[np.integer[Any]], values: NDArray[Any], count: int, how: np.ufunc) -> NDArray[np.float64]:
    """float64 [count], the least or greatest value at each place, NaN where there is none."""
    found = np.full(count, np.nan)
    found[place] = values
    how.at(found, place, values)
    return found


def _mean(place: NDArray[np.integer[Any]], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """float64 [count], the mean of the values at each place, NaN where there is none."""
    many = np.bincount(place, minlength=count)
    return np.where(many > 0, np.bincount(place, values, minlength=count) / np.maximum(many, 1), np.nan)


def _look_up(
    keys: NDArray[np.int64], values: NDArray[Any], wanted: NDArray[np.int64], missing: float
) -> NDArray[np.float64]:
    """float64 [P], the value of each wanted key.

    Args:
        keys: int64 [U], rising. values: [U]. wanted: int64 [P]. missing: for what is no key.
    """
    place = np.searchsorted(keys, wanted)
    known = np.append(keys, -1)[place] == wanted
    return np.where(known, np.append(values, missing)[place], missing)
