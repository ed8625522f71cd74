"""Do the events that are named really carry the answers? On any workspace with a trained model, for every kind of answer.

    python -m benchmarks.faithfulness SHOP --of recommendation --of intent_7d --of churn_30d --of value_90d --json OUT

Customers' events are deleted one after the other in the order in which people are told of them, and beside it the latest first and at
random; the area under what the answer loses is compared, customer by customer. As a check that explanations follow what was learned,
the same is asked of the model with its weights and counts mixed up at random: how events are then ordered must not be how they were.

    python -m benchmarks.faithfulness SHOP --long --json OUT

asks about customers with longer histories than deletion looks back: the order by integrated gradients, and that by deleting the newest
events alone, each beside the latest first and at random.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

import regard
from benchmarks.machine import hardware
from regard.errors import ModelError, RegardError
from regard.evaluation.faithfulness import FEWEST, Answering, deletion_curves
from regard.evaluation.intervals import estimate
from regard.insight.deletion import LATEST, Effects, delete_each, together
from regard.insight.explain import scores_of
from regard.insight.explain_chance import Subject, answering
from regard.insight.gradients import Gradients
from regard.insight.ranker import Ranker
from regard.insight.shop import Shop
from regard.metrics import masked, top_k
from regard.model import artefact
from regard.model.runtime import Runtime
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.workspace.data import Data
from regard.workspace.learning import need_torch

RECOMMENDATION = "recommendation"


def main() -> None:
    """Ask, delete, mix up, print."""
    wish = _arguments()
    try:
        if wish.long:
            result = long_ones(wish.shop, customers=wish.customers, seed=wish.seed)
        else:
            wanted = wish.of or [RECOMMENDATION, "intent_7d"]
            result = measured(wish.shop, wanted, customers=wish.customers, seed=wish.seed)
    except RegardError as error:
        raise SystemExit(f"benchmarks.faithfulness: {error}") from None
    named = "".join(f" --of {of}" for of in wish.of or ()) + " --long" * wish.long
    result["command"] = f"python -m benchmarks.faithfulness SHOP{named} --customers {wish.customers} --seed {wish.seed}"
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("\n".join(line(of, told) for of, told in result["answers"].items()))


def measured(folder: str, of: list[str], *, customers: int, seed: int) -> dict[str, Any]:
    """The results file, but for its command."""
    shop, mixed = shops(folder, seed)
    events = np.minimum(shop.log.lengths, LATEST + 1)
    some = np.flatnonzero((events >= FEWEST) & (events <= LATEST))
    some = np.sort(np.random.default_rng(seed).permutation(some)[:customers])
    if len(some) == 0:
        raise ModelError(f"no customer has {FEWEST} to {LATEST} events", hint="ingest a longer log")
    queries = shop.log.take(some)
    asof = shop.asof(queries)
    answers = {name: _one(shop, mixed, queries, asof, name, seed) for name in of}
    return {"answers": answers, "customers": len(some), "hardware": hardware()}


def long_ones(folder: str, *, customers: int, seed: int) -> dict[str, Any]:
    """The results file of long histories, but for its command: of everyone's best-scored item, by two orders."""
    shop, _ = shops(folder, seed)
    some = np.flatnonzero(shop.log.lengths > LATEST)
    some = np.sort(np.random.default_rng(seed).permutation(some)[:customers])
    if len(some) == 0:
        raise ModelError(f"no customer has more than {LATEST} events", hint="ingest a longer log")
    need_torch("integrated gradients need")
    gradients = Gradients.of(shop, seed=seed)
    if gradients is None or shop.ranker is None:
        raise ModelError(
            "integrated gradients need a trained model that can be looked into", hint=f"regard train {folder}"
        )
    queries = shop.log.take(some)
    asof = shop.asof(queries)
    item = top_k(masked(shop.ranker.score(queries, asof), catalogue=queries.merchandise), 1)  # [Q, 1]
    scores, column = scores_of(shop.ranker, item), shop.ranker.columns(queries.items)

    def logits(histories: Log, moments: NDArray[np.int64]) -> NDArray[np.float32]:
        return scores(histories, moments, np.arange(len(histories)))[:, 0]

    groups, offsets = together(queries, latest=queries.events)
    added = np.concatenate(
        [
            gradients.attributions(queries.take(row), asof[row], gradients.item(int(column[item[row[0], 0]])))
            for row in np.arange(len(queries))[:, None]
        ]
    )  # [N]
    moved = np.add.reduceat(added[groups.values], groups.offsets[:-1])[:, None].astype(np.float32)
    found = {
        "integrated gradients": Effects(groups=groups, effect=moved, offsets=offsets),
        f"deletion of the newest {LATEST}": delete_each(scores, queries, asof),
    }
    answers = {}
    for name, effects in found.items():
        every, not_latest = deletion_curves(queries, asof, logits, _named(effects, queries), seed=seed)
        answers[f"{RECOMMENDATION}, by {name}"] = {"all": every.to_json(), "not_latest": not_latest.to_json()}
    return {"answers": answers, "customers": len(some), "hardware": hardware()}


def _named(found: Effects, queries: Log) -> Ragged:
    """Q rows of places in each history, the events of the strongest group first."""
    named = []
    for customer in range(len(queries)):
        groups, effect = found.of(customer)
        rows = groups.take(np.argsort(-effect[:, 0], kind="stable")).values
        named.append(rows - queries.offsets[customer])
    return Ragged.of(named)


def shops(folder: str, seed: int) -> tuple[Shop, Shop]:
    """The shop with its current model, and with the same model after its weights were mixed up."""
    shop = regard.open(folder)
    models = shop.models.all()
    if not models:
        raise ModelError("the workspace has no model", hint=f"regard train {folder}")
    data, learned = Data(shop.store), artefact.load(models[0].folder)
    log = data.log()
    plain = Shop.of(log, target=data.target(log), content_of=data.content, table=data.items())
    rng = np.random.default_rng(seed)
    blind = replace(
        learned, weights=_mixed(learned.weights, rng), counts=_mixed(learned.counts, rng), graphs={},
        horizon_weights=_mixed(learned.horizon_weights, rng),
    )  # fmt: skip
    first, second = (
        replace(
            plain,
            ranker=Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version=models[0].id),
        )
        for model in (Runtime(learned, name="learned"), Runtime(blind, name="mixed up"))
    )
    return first, second


def _mixed(weights: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Every array with its numbers in another order: as large as before, and about nothing."""
    return {name: rng.permutation(array.ravel()).reshape(array.shape) for name, array in weights.items()}


def _one(shop: Shop, mixed: Shop, queries: Log, asof: NDArray[np.int64], of: str, seed: int) -> dict[str, Any]:
    found, ask = _effects(shop, queries, asof, of)
    every, not_latest = deletion_curves(queries, asof, ask, _named(found, queries), seed=seed)
    blind, _ = _effects(mixed, queries, asof, of, like=shop)
    alike = np.array([_alike(found.of(n)[1][:, 0], blind.of(n)[1][:, 0]) for n in range(len(queries))])
    return {
        "all": every.to_json(),
        "not_latest": not_latest.to_json(),
        "rank_correlation_with_mixed_weights": estimate(alike[np.isfinite(alike)], seed=seed).to_json(),
    }


def _effects(
    shop: Shop, queries: Log, asof: NDArray[np.int64], of: str, like: Shop | None = None
) -> tuple[Effects, Answering]:
    """What each group of events does to the answer, and what gives the answer. like: who says which item is explained; None = the shop."""
    if of != RECOMMENDATION:
        answer = answering(shop, Subject.parse(of))

        def chance(histories: Log, moments: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float32]:
            return answer(histories, moments).astype(np.float32)[:, None]

        return delete_each(chance, queries, asof), answer
    ranker = (like or shop).ranker
    assert ranker is not None and shop.ranker is not None
    item = top_k(masked(ranker.score(queries, asof), catalogue=queries.merchandise), 1)  # [Q, 1]
    scores = scores_of(shop.ranker, item)

    def logits(histories: Log, moments: NDArray[np.int64]) -> NDArray[np.float32]:
        return scores(histories, moments, np.arange(len(histories)))[:, 0]

    return delete_each(scores, queries, asof), logits


def _alike(ours: NDArray[np.float32], blind: NDArray[np.float32]) -> float:
    """Rank correlation of two customers' effects; NaN where one of them has none."""
    if np.ptp(ours) == 0 or np.ptp(blind) == 0:
        return float("nan")
    return float(spearmanr(ours, blind).statistic)


def line(of: str, told: dict[str, Any]) -> str:
    """One kind of answer for people."""
    said = [of]
    for group in ("all", "not_latest"):
        found = told[group]
        areas = ", ".join(f"{name} {curve['area']['mean']:.3f}" for name, curve in found["curves"].items())
        changes = ", ".join(
            f"above {name} {change['mean']:+.3f} [{change['interval'][0]:+.3f}, {change['interval'][1]:+.3f}]"
            for name, change in found["difference"].items()
            if change["interval"]
        )
        said.append(f"  {group}, {found['n']} customers: {areas}; {changes}")
    alike = told.get("rank_correlation_with_mixed_weights")
    if alike is None:
        return "\n".join(said)
    said.append(
        "  under mixed weights no event has an effect"
        if alike["mean"] is None
        else f"  rank correlation with the effects under mixed weights: {alike['mean']:+.3f}"
    )
    return "\n".join(said)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shop", help="a workspace with a trained model")
    parser.add_argument(
        "--of", action="append", help="recommendation, intent_7d, churn_30d, value_90d; may be repeated"
    )
    parser.add_argument("--long", action="store_true", help="of long histories instead, of recommendations")
    parser.add_argument("--customers", type=int, default=300, help="asked about at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="where the result goes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
