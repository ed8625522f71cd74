"""Blocks of the READMEs about seconds and memory: beside other libraries, as logs grow, and for a customer's top ten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS: dict[str, tuple[str, str]] = {
    "peer": ("Library", "库"),
    "peer_epoch": ("its seconds per epoch", "该库每轮秒数"),
    "our_epoch": ("ours", "Regard"),
    "ratio": ("times as long (least – most)", "倍数（最小 – 最大）"),
    "race": ("to its own best NDCG@10", "达到该库自身最佳 NDCG@10"),
    "race_found": ("{theirs:,.0f} s against {ours:,.0f} s: {ratio:.1f} times", "{theirs:,.0f} 秒对 {ours:,.0f} 秒：{ratio:.1f} 倍"),
    "race_never": ("{theirs:,.0f} s; ours never got there", "{theirs:,.0f} 秒；Regard 未达到"),
    "race_stopped": ("; stopped by its budget of {budget:,.0f} s", "；因 {budget:,.0f} 秒的预算用尽而停止"),
    "not_run": ("not run", "未运行"),
    "versus": (
        "Width {width}, {layers} layers, {length} events, turn by turn in one run; {asked} customers of the validation part.",
        "宽度 {width}，{layers} 层，长度 {length}，在同一次运行中交替测量；验证部分 {asked} 位顾客。",
    ),
    "log": ("Log", "日志"),
    "log_found": ("{events:,} events, {length:,} of a customer", "{events:,} 条事件，每位顾客 {length:,} 条"),
    "counting": ("counting, µs per event", "计数：每条事件微秒"),
    "step": ("training, µs per event", "训练：每条事件微秒"),
    "memory": ("memory at most", "内存峰值"),
    "growth": (
        "{items:,} items, width {width}, {layers} layers: the longest time per event is {spread:.0%} above the shortest; an event in a "
        "history of {long:,} costs {cost:.2f} times one in a history of {short:,}.",
        "{items:,} 件商品，宽度 {width}，{layers} 层：单条事件的最长用时比最短的多 {spread:.0%}；历史长度为 {long:,} 时，每条事件的用时"
        "是历史长度为 {short:,} 时的 {cost:.2f} 倍。",
    ),
    "how": ("Products with all items", "与全部商品的乘积"),
    "median": ("median", "中位数"),
    "all": ("everybody at once", "全部顾客一次完成"),
    "all_found": ("{rate:,} customers/s on {cores}", "{cores} 核每秒 {rate:,} 位顾客"),
    "topk": (
        "One customer at a time, in process: encoder, a filter, {items:,} items of width {width}, exact top ten; {customers:,} "
        "customers with {events} events each. Both find the same items: {same}.",
        "逐位顾客，进程内：编码器、过滤、{items:,} 件宽度为 {width} 的商品、精确的前十件；{customers:,} 位顾客，每位 {events} 条事件。"
        "两种方式结果相同：{same}。",
    ),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
}  # fmt: skip


def versus(result: Mapping[str, Any], column: int) -> str:
    """Each peer's epoch beside ours, and the race where it was run."""
    lines = [[_said(word, column) for word in ("peer", "peer_epoch", "our_epoch", "ratio", "race")]]
    lines.append(["---", "---:", "---:", "---:", "---"])
    for told in result["peers"].values():
        low, high = told["ratio_of_pairs"]
        cells = [f"{told[name]:.1f}" for name in ("peer_seconds_per_epoch", "our_seconds_per_epoch", "ratio")]
        cells[-1] += f" ({low:.1f} – {high:.1f})"
        lines.append([told["title"], *cells, _race(told.get("race"), result["settings"]["budget"], column)])
    asked = f"{result['split']['customers']:,}"
    return f"{table(lines)}\n\n{_said('versus', column, **result['settings'], asked=asked)}"


def _race(race: Mapping[str, Any] | None, budget: float, column: int) -> str:
    if race is None:
        return _said("not_run", column)
    theirs, passed = race["peer"]["seconds_to_best"], race["ours_passes"]
    said = (
        _said("race_never", column, theirs=theirs)
        if passed is None
        else _said("race_found", column, theirs=theirs, ours=passed["seconds"], ratio=race["ratio"])
    )
    return said + (_said("race_stopped", column, budget=budget) if race["peer_stopped_by_budget"] else "")


def growth(result: Mapping[str, Any], column: int) -> str:
    """Time per event and memory of every size and length."""
    lines = [[_said(word, column) for word in ("log", "counting", "step", "memory")], ["---", "---:", "---:", "---:"]]
    for told in (*result["growth"], *result["histories"]):
        numbers = [f"{told[name]:.1f}" for name in ("set_up_us_per_event", "step_us_per_event")]
        lines.append([_said("log_found", column, **told), *numbers, f"{told['peak_mb']:,} MB"])
    each = [told["us_per_event"] for told in result["growth"]]
    short, long = result["histories"][0], result["histories"][-1]
    said = _said(
        "growth", column, spread=max(each) / min(each) - 1, short=short["length"], long=long["length"],
        cost=long["us_per_event"] / short["us_per_event"],
        **{name: result[name] for name in ("items", "width", "layers")},
    )  # fmt: skip
    return f"{table(lines)}\n\n{said}"


def topk(result: Mapping[str, Any], column: int) -> str:
    """Milliseconds of one customer alone and customers per second of all together, by each kind of product."""
    lines = [[_said("how", column), _said("median", column), "p90", "p99", _said("all", column)]]
    lines.append(["---", "---:", "---:", "---:", "---"])
    for name in ("int8, rescored", "fp32"):
        told = result[name]
        numbers = [f"{told[part]:.2f} ms" for part in ("median_ms", "p90_ms", "p99_ms")]
        rates = [
            _said("all_found", column, rate=rate, cores=count) for count, rate in told["customers_per_second"].items()
        ]
        lines.append([name, *numbers, "; ".join(rates)])
    same = _said("yes" if result["same items"] else "no", column)
    named = {name: result[name] for name in ("items", "width", "customers")}
    return f"{table(lines)}\n\n{_said('topk', column, **named, events=result['events_each'], same=same)}"


def table(lines: list[list[str]]) -> str:
    """Rows of cells as a Markdown table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _said(word: str, column: int, **values: Any) -> str:
    return _WORDS[word][column].format(**values)
