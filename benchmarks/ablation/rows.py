"""The rows of the ablation table: the model by the package's rules, without each of its pieces, and with each that was tried and not kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks.ablation import variants, window
from regard.model.network import Network
from regard.sequences.view import Content
from regard.training.data import Data
from regard.training.loop import Loop
from regard.training.setup import Setup


def _always(setup: Setup) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Row:
    """One change to what the rules choose.

    Args:
        name, chinese: what the table calls it. kept: whether the piece is part of the model, so that the row takes it away; else it was tried.
        settings, plan: fields of Settings and Plan that differ.
        setup: changes a Setup. data: what makes its lessons. network, loop: change a fresh Network or Loop in place.
        covisits: whether the answers may add co-visits.
        where: on which data the row says anything.
    """

    name: str
    chinese: str
    kept: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    setup: Callable[[Setup], Setup] = lambda setup: setup
    data: type[Data] = Data
    network: Callable[[Network], None] = lambda network: None
    loop: Callable[[Loop], None] = lambda loop: None
    covisits: bool = True
    where: Callable[[Setup], bool] = _always


def _clock(setup: Setup) -> bool:
    return setup.view.log.clock == "clock"


def _content(setup: Setup) -> bool:
    return setup.settings.features > 0


def _pointer(setup: Setup) -> bool:
    return setup.settings.pointer_heads > 0


def _behaviours(setup: Setup) -> bool:
    return len(np.unique(setup.view.log.behaviour)) > 1


def _long(setup: Setup) -> bool:
    return int(setup.view.log.lengths.max(initial=0)) > 2 * window.WINDOW


def _popularity(setup: Setup) -> bool:
    return setup.popularity is not None


def _random_begin(setup: Setup) -> Setup:
    return replace(setup, coordinates=np.zeros_like(setup.coordinates))


def _no_popularity(setup: Setup) -> Setup:
    return replace(setup, popularity=None, settings=replace(setup.settings, half_lives=(), seasonal=False))


def _no_content(setup: Setup) -> Setup:
    bare = replace(setup.view, content=Content.empty(len(setup.view.log.items)))
    return replace(setup, view=bare, settings=replace(setup.settings, features=0))


def _half_as_long(setup: Setup) -> Setup:
    return replace(setup, settings=replace(setup.settings, length=setup.settings.length // 2))


def _an_eighth_as_long(setup: Setup) -> Setup:
    return replace(setup, settings=replace(setup.settings, length=setup.settings.length // 8))


NEGATIVES = 3_000
"""Items drawn per step in the rows of sampled losses: the number that published tables found as good as all."""

WHOLE = Row(name="the model by its rules", chinese="按规则配置的完整模型")

ROWS = (
    WHOLE,
    Row(name="without the network: co-visits alone", chinese="去掉网络：只用共现计数", loop=variants.silence),
    Row(name="without co-visits in the answers", chinese="回答中去掉共现计数", covisits=False),
    Row(name="without co-visits at all", chinese="完全不用共现计数", setup=_random_begin, covisits=False),
    Row(
        name="item vectors begin at random, not at the co-visits",
        chinese="商品向量随机初始化，而非从共现计数出发",
        setup=_random_begin,
    ),
    Row(
        name="without matching what is read: attention by time and position alone",
        chinese="注意力只看时间和位置，不看内容",
        network=variants.match_nothing,
    ),
    Row(name="without position in attention", chinese="注意力去掉位置", settings={"back_scales": (0.0,) * 4}),
    Row(name="without time in attention", chinese="注意力去掉时间", settings={"time_scales": (0.0,) * 4}, where=_clock),
    Row(name="without gates", chinese="去掉门控", network=variants.open_gates),
    Row(
        name="GELU of the same size for SwiGLU",
        chinese="用同样大小的 GELU 代替 SwiGLU",
        network=variants.think_with_gelu,
    ),
    Row(name="without averaging of the weights", chinese="去掉权重平均", plan={"average": 0.0}),
    Row(name="without dropout", chinese="去掉 dropout", settings={"dropout": 0.0}),
    Row(name="without the repeat pointer", chinese="去掉复购指针", network=variants.point_nowhere, where=_pointer),
    Row(name="without popularity at the moment", chinese="去掉当时的热度", setup=_no_popularity, where=_popularity),
    Row(name="without item attributes", chinese="去掉商品属性", setup=_no_content, where=_content),
    Row(name="without hiding ids at random", chinese="不随机隐藏商品 ID", settings={"id_dropout": 0.0}, where=_content),
    Row(
        name="feature vectors begin as small as those of ids",
        chinese="特征向量的初始值与商品 ID 一样小",
        network=variants.begin_small,
        where=_content,
    ),
    Row(
        name="rare features count as much as common ones",
        chinese="罕见特征与常见特征权重相同",
        network=variants.weigh_alike,
        where=_content,
    ),
    Row(
        name="behaviours not told apart",
        chinese="不区分行为类型",
        network=variants.confuse_behaviours,
        where=_behaviours,
    ),
    Row(
        name="without questions about other behaviours",
        chinese="训练中不问其他行为",
        plan={"side_share": 0.0},
        where=_behaviours,
    ),
    Row(
        name="without the loss on 'anything wanted by when'",
        chinese="去掉“多久之内会买”的损失",
        plan={"hazard_share": 0.0},
        where=_clock,
    ),
    Row(
        name=f"loss over {NEGATIVES:,} sampled items, corrected",
        chinese=f"只对抽样的 {NEGATIVES:,} 件商品计算损失（带校正）",
        plan={"loss": "sampled", "negatives": NEGATIVES},
        kept=False,
    ),
    Row(
        name=f"gBCE, t = 0.75, {NEGATIVES:,} sampled items",
        chinese=f"gBCE，t = 0.75，抽样 {NEGATIVES:,} 件商品",
        plan={"loss": "gbce", "negatives": NEGATIVES, "t": 0.75},
        kept=False,
    ),
    Row(
        name=f"BCE, {NEGATIVES:,} sampled items",
        chinese=f"BCE，抽样 {NEGATIVES:,} 件商品",
        plan={"loss": "gbce", "negatives": NEGATIVES, "t": 0.0},
        kept=False,
    ),
    Row(
        name="dense targets: the next three baskets, each half the one before",
        chinese="密集目标：之后三个购物篮，权重依次减半",
        data=variants.DenseData,
        kept=False,
    ),
    Row(
        name="low-pass branch: three moving averages of the events",
        chinese="低通分支：事件的三个滑动平均",
        network=variants.smooth,
        kept=False,
    ),
    Row(
        name="co-visits in the logits while training, of other customers' folds",
        chinese="训练时在 logits 中加入其他顾客折的共现计数",
        loop=variants.train_on_folds,
        kept=False,
    ),
    Row(
        name="bias by pair of behaviours",
        chinese="按行为对学习的注意力偏置",
        network=variants.pair_behaviours,
        kept=False,
        where=_behaviours,
    ),
    Row(
        name=f"older events than {window.WINDOW} as summary tokens of {window.CHUNK}",
        chinese=f"{window.WINDOW} 条之前的事件每 {window.CHUNK} 条合为一个摘要",
        network=window.summarise,
        kept=False,
        where=_long,
    ),
    Row(
        name="item vectors that decay",
        chinese="商品向量带权重衰减",
        loop=variants.decay_items,
        kept=False,
    ),
    Row(name="histories half as long", chinese="历史长度减半", setup=_half_as_long),
    Row(name="histories an eighth as long", chinese="历史长度减为八分之一", setup=_an_eighth_as_long),
)
