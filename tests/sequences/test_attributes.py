"""What is known of customers beside their events: sources told apart, nothing later read, the linked as a plain loop has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from regard.sequences.aggregates import aggregate
from regard.sequences.attributes import LEVELS, MEANT, NEIGHBOURS, attributes_of
from regard.sequences.log import DAY, Log

NOW = 1_700_000_000 + 60 * DAY


def test_sources_keep_their_own_names_and_what_is_unknown_is_nan() -> None:
    declared = pa.table({"customer": ["ann", "bob"], "tier": ["gold", " silver"], "vip": [True, None]})
    scores = pa.table({"customer": ["bob", "cid"], "tier": [0.5, float("inf")]})
    found = attributes_of(declared=declared, scores=scores)
    assert found.customers.ids.to_pylist() == ["ann", "bob", "cid"]
    assert found.names == ("declared:tier=gold", "declared:tier=silver", "declared:vip", "score:tier")
    nan = np.nan
    expected = [[1, 0, 1, nan], [0, 1, nan, 0.5], [nan, nan, nan, nan]]
    np.testing.assert_array_equal(found.values, np.array(expected, dtype=np.float32))


def test_ids_dates_and_rare_values_are_no_columns() -> None:
    count = 3_000
    table = pa.table(
        {
            "customer": [f"c{n}" for n in range(count)],
            "mail": [f"c{n}@example.org" for n in range(count)],
            "since": [date(2020, 1, 1)] * count,
            "city": ["Ulm"] * (count - 20) + ["Bonn"] * 20,
            "shop": [f"s{n % 25}" for n in range(count)],
            "same": ["x"] * count,
        }
    )
    names = attributes_of(declared=table).names
    assert [name for name in names if "shop" not in name] == ["declared:city=Ulm"]  # Bonn: fewer than one in a hundred
    assert len(names) == 1 + LEVELS


def test_rows_are_those_of_the_asked_customers(draw_log: Callable[..., Log]) -> None:
    log = draw_log(customers=6)
    found = attributes_of(declared=pa.table({"customer": ["c4", "c1"], "children": [4, 1]}))
    told = found(log.take(np.array([1, 0, 4, 1])), np.full(4, NOW))
    assert told.names == ("declared:children",)
    np.testing.assert_array_equal(told.values[:, 0], np.array([1, np.nan, 4, 1], dtype=np.float32))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_linked_are_as_a_plain_loop_has_them_and_nothing_later_is_read(
    draw_log: Callable[..., Log], seed: int
) -> None:
    log, rng = draw_log(customers=12, seed=seed), np.random.default_rng(seed)
    names = [f"c{n}" for n in range(14)]  # two of whom the log knows nothing
    ends = rng.choice(names, size=(2, 25))
    weight = rng.choice([0.5, 1.0, 2.0, -1.0, np.nan], size=25)
    edges = pa.table(
        {"customer": ends[0], "other": ends[1], "kind": ["friend"] * 25, "weight": pa.array(weight, from_pandas=True)}
    )
    found = attributes_of(edges=edges, log=log, target=("purchase",))
    asof = rng.integers(NOW - 50 * DAY, NOW, len(log))
    told = found(log, asof)
    assert told.names == tuple(f"linked:{name}" for name in ("customers", *MEANT))
    between: dict[tuple[str, str], float] = {}
    for one, other, w in zip(*ends, np.where(np.isnan(weight), 1.0, weight), strict=True):
        if one != other and w > 0:
            between[(one, other)] = between.get((one, other), 0) + w
            between[(other, one)] = between.get((other, one), 0) + w
    for row in range(len(log)):
        near = {other: w for (one, other), w in between.items() if one == f"c{row}"}
        count = told.values[row, 0]
        assert count == len(near) or (np.isnan(count) and not near) or count == 0 == len(near)
        sums = []
        for other, w in near.items():
            code = log.customers.code(other)
            if code < 0:
                continue
            past = log.take(np.array([code]))
            past = past.where(past.time <= asof[row])
            if past.events:
                own = aggregate(past, asof[[row]], target=("purchase",))
                sums.append((w, [float(own.column(name)[0]) for name in MEANT]))
        for place in range(len(MEANT)):
            known = [(w, values[place]) for w, values in sums if not np.isnan(values[place])]
            mean = sum(w * v for w, v in known) / sum(w for w, _ in known) if known else np.nan
            np.testing.assert_allclose(told.values[row, 1 + place], mean, rtol=1e-4, equal_nan=True)


def test_of_a_hub_the_heaviest_edges_are_read() -> None:
    many = NEIGHBOURS + 10
    edges = pa.table(
        {"customer": ["hub"] * many, "other": [f"c{n:03}" for n in range(many)], "weight": np.arange(1.0, many + 1)}
    )
    found = attributes_of(edges=edges)
    assert found.links is not None
    hub = found.links[found.customers.code("hub")]
    assert found.customers.names(hub)[0] == f"c{many - 1:03}"
    assert len(hub) == NEIGHBOURS and "c000" not in found.customers.names(hub)
