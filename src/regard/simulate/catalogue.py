"""The shop's items, and which stand in for one another, which go together, and how soon each is used up."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.simulate.chance import Chance
from regard.simulate.settings import Settings
from regard.simulate.words import BRANDS, DEPARTMENTS, LOOKS, PRAISE, Kind

GROUP = 4
"""Items of one kind and of neighbouring price that stand in for one another."""

_SEASON_WIDTH = 28.0
"""Days; a season's standard deviation."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Catalogue:
    """V items, sorted by category.

    Args:
        ids: V item ids.
        names: V titles. descriptions: V sentences.
        category: int [V] index of the department. brand: int [V] index of the brand.
        price: float [V] money. added: V days. stock: int [V] units.
        depth: float [V] standardised log price within the kind; a sensitive customer avoids high ones.
        popularity: float [V], sums to 1.
        bounds: int [departments + 1], items of department d are bounds[d]:bounds[d + 1].
        complement: int [V] the item that is wanted beside this one, -1 for none.
        group: int [V] number of the substitutes' group. group_bounds: int [groups + 1], first item of each group.
        cycle: int [V] days until used up, 0 where it lasts.
    """

    ids: NDArray[np.str_]
    names: list[str]
    descriptions: list[str]
    category: NDArray[np.int64]
    brand: NDArray[np.int64]
    price: NDArray[np.float64]
    added: list[dt.date]
    stock: NDArray[np.int64]
    depth: NDArray[np.float64]
    popularity: NDArray[np.float64]
    bounds: NDArray[np.int64]
    complement: NDArray[np.int64]
    group: NDArray[np.int64]
    group_bounds: NDArray[np.int64]
    cycle: NDArray[np.int64]
    language: str

    def __len__(self) -> int:
        return len(self.price)

    def table(self) -> pa.Table:
        """The items as a shop would export them."""
        tongue = _tongue(self.language)
        return pa.table(
            {
                "item": pa.array(self.ids.tolist()),
                "item_name": pa.array(self.names),
                "category": pa.array([DEPARTMENTS[code].name[tongue] for code in self.category]),
                "brand": pa.array([BRANDS[code][tongue] for code in self.brand]),
                "price": pa.array(self.price),
                "description": pa.array(self.descriptions),
                "added": pa.array(self.added, pa.date32()),
                "stock": pa.array(self.stock),
            }
        )

    def relations(self) -> pa.Table:
        """The truth about pairs: kind ('substitute' both ways, 'complement' from the first bought to the then wanted),
        item, other."""
        kinds: list[str] = []
        left: list[int] = []
        right: list[int] = []
        for start, stop in zip(self.group_bounds[:-1].tolist(), self.group_bounds[1:].tolist(), strict=True):
            pairs = [(a, b) for a in range(start, stop) for b in range(start, stop) if a != b]
            kinds += ["substitute"] * len(pairs)
            left += [a for a, _ in pairs]
            right += [b for _, b in pairs]
        having = np.flatnonzero(self.complement >= 0)
        kinds += ["complement"] * len(having)
        left += having.tolist()
        right += self.complement[having].tolist()
        return pa.table({"kind": kinds, "item": self.ids[left].tolist(), "other": self.ids[right].tolist()})


def season(days: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each department is in season, float [len(days), departments] between 0 and 1; `days` counts from a first
    of January."""
    peaks = np.array([department.peak for department in DEPARTMENTS], dtype=np.float64)
    apart = np.abs((days[:, None] - peaks + 182.625) % 365.25 - 182.625)
    return np.where(peaks > 0, np.exp(-0.5 * (apart / _SEASON_WIDTH) ** 2), 0.0)


def draw(settings: Settings, chance: Chance) -> Catalogue:
    """The catalogue of `settings`; every kind of every department gets its share of the items, give or take one."""
    count = settings.items
    tongue = _tongue(settings.language)
    kinds = _kinds(count)
    kind_of = np.sort(np.arange(count) % len(kinds))
    rows = np.arange(count)
    depth = chance.normal("price", rows)
    depth = depth[
        np.lexsort((depth, kind_of))
    ]  # within a kind by price, so that neighbours can stand in for one another
    middling = np.array([kind.price for _, kind in kinds])[kind_of]
    brand = (chance.uniform("brand", rows) * len(BRANDS)).astype(np.int64)
    first = np.searchsorted(kind_of, np.arange(len(kinds) + 1))
    within = rows - first[kind_of]
    group_start = (within % GROUP == 0) & ((within == 0) | (np.diff(first)[kind_of] - within > 1))
    group = np.cumsum(group_start) - 1
    popularity = np.exp(1.1 * chance.normal("popularity", rows))
    category = np.array([code for code, _ in kinds])[kind_of]
    look = (chance.uniform("look", rows[:, None], np.arange(2)) * len(LOOKS)).astype(np.int64)
    praise = (chance.uniform("praise", rows[:, None], np.arange(2)) * len(PRAISE)).astype(np.int64)
    width = max(4, len(str(count)))
    names, descriptions = [], []
    for row, code in enumerate(kind_of.tolist()):
        title = [BRANDS[brand[row]][tongue], LOOKS[look[row, 0]][tongue], kinds[code][1].name[tongue]]
        names.append((title[0] + title[1] + title[2]) if tongue else " ".join(title))
        parts = [
            LOOKS[look[row, 1]][tongue] + ("" if tongue else " ") + title[2],
            *(PRAISE[p][tongue] for p in praise[row]),
        ]
        descriptions.append("，".join(parts) if tongue else ", ".join(parts))
    ages = (chance.uniform("added", rows) * 720 + 1).astype(np.int64)
    return Catalogue(
        ids=np.array([f"I{row + 1:0{width}d}" for row in range(count)]),
        names=names,
        descriptions=descriptions,
        category=category,
        brand=brand,
        price=np.round(np.maximum(np.round(middling * np.exp(0.35 * depth)), 1.0) - 0.01, 2),
        added=[settings.start - dt.timedelta(days=age) for age in ages.tolist()],
        stock=np.floor(chance.exponential("stock", rows) * 80).astype(np.int64),
        depth=depth,
        popularity=popularity / popularity.sum(),
        bounds=np.searchsorted(category, np.arange(len(DEPARTMENTS) + 1)),
        complement=_complements(kind_of, first),
        group=group,
        group_bounds=np.append(np.flatnonzero(group_start), count),
        cycle=np.array([kind.cycle for _, kind in kinds])[kind_of],
        language=settings.language,
    )


def _kinds(count: int) -> list[tuple[int, Kind]]:
    """Department and kind; a small catalogue has fewer kinds, so that each still has substitutes, and always both of a
    pair."""
    pairs = [
        ((code, department.kinds[k]), (code, department.kinds[k + 1]))
        for code, department in enumerate(DEPARTMENTS)
        for k in range(0, len(department.kinds), 2)
    ]
    used = min(len(pairs), max(2, count // (2 * GROUP)))
    return [kind for place in range(used) for kind in pairs[place * len(pairs) // used]]


def _complements(kind_of: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Kinds in twos go together; item number i of one goes with number i of the other, counted round."""
    partner = np.bitwise_xor(kind_of, 1)
    sizes = np.diff(first)[partner]
    within = np.arange(len(kind_of)) - first[kind_of]
    return np.where(sizes > 0, first[partner] + within % np.maximum(sizes, 1), -1)


def _tongue(language: str) -> int:
    return ("en", "zh").index(language)
