"""The gate: whether a new model may take the place of the one in service, by what both say of the same customers.

Both are asked about the same first baskets after the same cut, on events neither has learned from; the difference is paired
over customers, with an interval. The rule:

| what was found                                             | the new one |
|------------------------------------------------------------|-------------|
| its interval lies above zero                               | passes      |
| its interval lies below zero                               | does not    |
| its interval contains zero, and it loses at most MARGIN    | passes      |
| its interval contains zero, and it loses more than that    | does not    |
| under SMALL customers could be asked                       | passes if its mean is no lower |
| nobody could be asked                                      | does not    |
| counting is better than it, the whole interval             | does not    |

Where nothing can be shown, the newer one is preferred: it knows the newer items and customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regard.evaluation.evaluate import Evaluation

MARGIN = 0.05
"""Share of the figure of the model in service that may be lost by what could be chance: less than what a month without a
refresh costs.
"""

_WORDS = {
    "better": ("the new model is better", "新模型更好"),
    "worse": ("the new model is worse", "新模型更差"),
    "level": ("no difference can be shown, and the new model is newer", "看不出差别，而新模型更新"),
    "lower": ("the new model loses more than the margin, though by what could be chance", "新模型的下降超过容许范围，虽可能出于偶然"),
    "few, no lower": ("few customers could be asked, and the new model is no worse", "可询问的顾客很少，新模型并不更差"),
    "few, lower": ("few customers could be asked, and the new model is worse", "可询问的顾客很少，新模型更差"),
    "nobody": ("nobody could be asked", "没有可询问的顾客"),
    "counting": ("counting is better than the new model", "计数优于新模型"),
}  # fmt: skip
_FIGURES = (
    "{said}: NDCG@10 {new:.4f} against {old:.4f} of {serving}, difference {mean:+.4f}{interval}, {n} customers",
    "{said}：NDCG@10 {new:.4f}，{serving} 为 {old:.4f}，差值 {mean:+.4f}{interval}，{n} 位顾客",
)
_INTERVAL = (" (95 % interval {0:+.4f} to {1:+.4f})", "（95% 置信区间 {0:+.4f} 至 {1:+.4f}）")


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What was found.

    Args:
        passed: whether the new model may answer. finding: a key of the rule. serving: id of the model in service.
        figures: 'new', 'serving', 'difference', each a mean with interval and customers; {} where nobody was asked.
        split: of the questions, as in an evaluation.
    """

    passed: bool
    finding: str
    serving: str
    figures: dict[str, Any]
    split: dict[str, Any]

    def words(self, language: str = "en") -> str:
        """One line, in English or Chinese ('zh')."""
        column = 1 if language == "zh" else 0
        said = _WORDS[self.finding][column]
        if not self.figures:
            return said
        change = self.figures["difference"]
        interval = "" if change["interval"] is None else _INTERVAL[column].format(*change["interval"])
        return _FIGURES[column].format(
            said=said, new=self.figures["new"]["mean"], old=self.figures["serving"]["mean"], serving=self.serving,
            mean=change["mean"], interval=interval, n=change["n"],
        )  # fmt: skip

    def to_json(self, language: str = "en") -> dict[str, Any]:
        """Plain types."""
        return {
            "passed": self.passed, "finding": self.finding, "serving": self.serving, "words": self.words(language),
            "split": self.split, **self.figures,
        }  # fmt: skip


def judge(found: Evaluation, serving: str, *, counting: Evaluation | None = None) -> Gate:
    """Apply the rule.

    Args:
        found: the new model's evaluation, the one in service its only baseline. serving: id of that.
        counting: the same with counting as the baseline, where there is any.
    """
    verdict = found.verdict
    if verdict.outcome == "nobody":
        return Gate(passed=False, finding="nobody", serving=serving, figures={}, split=dict(found.split))
    change = verdict.difference[verdict.metric]
    assert verdict.best is not None
    figures = {
        "new": verdict.model.to_json(), "serving": verdict.best.to_json(), "difference": change.to_json(),
    }  # fmt: skip
    if verdict.outcome == "small":
        finding = "few, no lower" if change.mean >= 0 else "few, lower"
    elif verdict.outcome == "open":
        finding = "level" if change.mean >= -MARGIN * verdict.best.mean else "lower"
    else:
        finding = str(verdict.outcome)
    if counting is not None and counting.verdict.outcome == "worse":
        finding = "counting"
    passed = finding in ("better", "level", "few, no lower")
    return Gate(passed=passed, finding=finding, serving=serving, figures=figures, split=dict(found.split))
