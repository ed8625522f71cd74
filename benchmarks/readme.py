"""Keep the READMEs and docs/results equal to what was measured.

    python benchmarks/readme.py                                  write the blocks between the markers anew
    python benchmarks/readme.py --check                          only say whether they are up to date
    python benchmarks/readme.py --record NAME -- regard VERB ...  run a command and keep its output for a block

A block stands between `<!-- results: NAME -->` and `<!-- end -->` and is made from results/NAME.json. Where there is no
such file, there is nothing in the block, its heading included; 'summary' has a line of each of NEXT. Nothing between the
markers is written by hand.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run as a file, it finds its neighbours only by their folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import readme_intent, readme_reasons, readme_segments, readme_speed, readme_value
from benchmarks.readme_speed import table
from regard.evaluation.verdict import baseline_name, metric_name

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = ("README.md", "README.zh-CN.md", "docs/results.md", "docs/results.zh-CN.md")

_BLOCK = re.compile(r"(<!-- results: ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_METRICS = ("ndcg_at_10", "hr_at_10", "recall_at_10")

NEXT = (
    "online_retail", "taobao_all", "taobao_purchases", "amazon_beauty", "amazon_beauty_attributes", "movielens_1m", "amazon_video_games",
    "xmarket_uk", "xmarket_uk_365",
)  # fmt: skip
"""Results about the next item or basket, in the order of the summary."""

TITLES: dict[str, tuple[str, str]] = {
    "ingest": ("Taking events in", "导入速度"),
    "online_retail": ("Online Retail: the first basket after the cut", "Online Retail：切分日之后的第一个购物篮"),
    "taobao_all": ("Taobao: one purchase held out, every behaviour read", "Taobao：留出一次购买，读取全部行为"),
    "taobao_purchases": ("The same, purchases alone", "同上，只读取购买"),
    "amazon_beauty": ("Amazon Beauty: the last item, ids alone", "Amazon Beauty：最后一件商品，只用 ID"),
    "amazon_beauty_attributes": ("The same with item attributes", "同上，加上商品属性"),
    "movielens_1m": ("MovieLens-1M: the last film", "MovieLens-1M：最后一部电影"),
    "amazon_video_games": ("Amazon Video Games: the last item", "Amazon Video Games：最后一件商品"),
    "xmarket_uk": ("X-Market UK: the first basket after the cut", "X-Market 英国：切分日之后的第一个购物篮"),
    "xmarket_uk_365": ("The same with a test of a year", "同上，测试期为一年"),
    "ablation_beauty": ("What each piece of the model is worth: Amazon Beauty", "模型的每个部分值多少：Amazon Beauty"),
    "ablation_retail": ("The same on Online Retail", "同上：Online Retail"),
    "ablation_taobao": ("The same on Taobao", "同上：Taobao"),
    "versus_beauty": ("Other libraries on the same split: Amazon Beauty", "同一切分上的其他库：Amazon Beauty"),
    "versus_speed": (
        "Seconds of training beside another library: Amazon Beauty",
        "与其他库相比的训练用时：Amazon Beauty",
    ),
    "faithfulness_retail": ("Do the reasons carry the answers? Online Retail", "理由是否支撑答案？Online Retail"),
    "faithfulness_taobao": ("The same in Taobao", "同上：Taobao"),
    "faithfulness_demo": ("The same in the simulated shop of the demo", "同上：演示用的模拟商店"),
    "faithfulness_long_demo": (
        "Histories of more than two hundred events, in the shop of the demo",
        "超过二百个事件的历史：演示用的模拟商店",
    ),
    "intent_taobao": ("Who buys on the following day: Taobao", "谁会在第二天购买：Taobao"),
    "segments_retail": ("How steady segments are: Online Retail", "客群有多稳定：Online Retail"),
    "segments_demo": ("The same in the simulated shop of the demo", "同上：演示用的模拟商店"),
    "segments_speed": ("Questions about segments of ten million events", "千万事件规模下的客群查询"),
    "growth": ("How training grows with the log", "训练用时随日志增长的情况"),
    "topk": ("One customer's exact top ten", "一位顾客的精确前十件"),
    "value_cdnow": ("Who spends how much, and who comes back: CDNOW", "谁会花多少钱、谁会再来：CDNOW"),
    "value_retail": ("The same on Online Retail", "同上：Online Retail"),
    "anomalies_retail": (
        "Scripted bots in a real log: Online Retail",
        "混入真实日志的脚本机器人：Online Retail",
    ),
    "anomalies_taobao": ("The same in Taobao", "同上：Taobao"),
    "gpu": ("Training on one CUDA card", "在单张 CUDA 显卡上训练"),
    "simulated": (
        "Simulated shops: does the model use what the truth depends on?",
        "模拟商店：模型是否用到了真相所依赖的信息？",
    ),
}
"""Headings of the blocks; a block that is not named here has none, as the text around it says what it is."""

_WORDS: dict[str, tuple[str, str]] = {
    "log": ("Log", "日志"),
    "best": ("best of the others", "其他方法中最好的"),
    "change_of": ("difference (95 % interval)", "差值（95% 置信区间）"),
    "asked": ("customers", "顾客数"),
    "seconds": ("trained, s", "训练秒数"),
    "method": ("Method", "方法"),
    "model": ("**Regard**", "**Regard**"),
    "interval": ("95 % interval", "95% 置信区间"),
    "split": (
        "{kind} split, {customers} customers, mask {mask}, split hash `{hash}`.",
        "切分方式 {kind}，{customers} 位顾客，屏蔽规则 {mask}，切分哈希 `{hash}`。",
    ),
    "difference": (
        "Difference to the best baseline ({name}): {mean} ({low} to {high}).",
        "与最佳基线（{name}）的差值：{mean}（{low} 至 {high}）。",
    ),
    "trained": ("Trained in {seconds} s.", "训练用时 {seconds} 秒。"),
    "taken": ("What is taken away", "去掉的信息"),
    "matters": ("NDCG@10 lost where the truth depends on it", "真相依赖它时 NDCG@10 的损失"),
    "does_not": ("where it does not", "真相不依赖它时的损失"),
    "shuffle": ("order of events", "事件的先后"),
    "remove_time": ("time", "时间"),
    "merge_behaviours": ("behaviours", "行为类型"),
    "simulated": (
        "{n} customers of {shops} shops, NDCG@10 {ndcg}. The reason shown first is the true cause {first} of the time, the "
        "latest event {latest} (difference {low} to {high}); the cause is among the first three reasons {three} of the time.",
        "{shops} 家商店的 {n} 位顾客，NDCG@10 为 {ndcg}。首先给出的理由有 {first} 就是真正的原因，最近一次事件则只有 {latest}"
        "（差值 {low} 至 {high}）；前三条理由中包含真正原因的占 {three}。",
    ),
    "piece": ("What is changed", "改动"),
    "change": ("difference to the model (95 % interval)", "与完整模型的差值（95% 置信区间）"),
    "tried": ("*Tried and not kept:*", "*试过但没有采用：*"),
    "ablation": (
        "Validation questions of {asked} customers ({kind} split, mask {mask}), never the test; mean of {seeds} seeds, {steps} steps "
        "each.",
        "{asked} 位顾客的验证问题（切分方式 {kind}，屏蔽规则 {mask}），从不使用测试集；{seeds} 个随机种子的平均，每次训练 {steps} 步。",
    ),
    "script": ("Script", "脚本"),
    "found": ("PR-AUC", "PR-AUC"),
    "own": ("by its own kind", "只看对应类型"),
    "recall": ("recall at 1 % false positives", "误报率 1% 时的召回率"),
    "events": ("by number of events", "只看事件数"),
    "acts_a_day": ("by acts on an active day", "只看活跃日行动数"),
    "fixed_gaps": ("acts by the clock", "按固定间隔行动"),
    "bursts": ("bursts of acts", "短时间内密集行动"),
    "all_hours": ("acts around the clock", "昼夜不停地行动"),
    "one_item": ("one item over and over", "反复操作同一件商品"),
    "copies": ("another's sequence", "与他人序列相同"),
    "together": ("all of them", "全部脚本"),
    "anomalies": (
        "{bots} bots of one script, or {together} of all, among {customers} customers, {jitter} of what they do left to chance, "
        "{seeds} seeds; the same recall for simple counts beside it. Flagged as scripted without any bots: {flagged} of the log's "
        "own customers.",
        "{customers} 位顾客中混入 {bots} 个机器人（全部脚本一起时共 {together} 个），其行为有 {jitter} 随机变化，{seeds} 个随机种子；"
        "旁边是简单计数的同一召回率。不混入机器人时，日志自身的顾客中有 {flagged} 被判为脚本。",
    ),
    "hardware": ("{cores} cores, {machine}, {system}, Python {python}.", "{cores} 核，{machine}，{system}，Python {python}。"),
    "gpu_what": ("What", "项目"),
    "gpu_found": ("Found", "结果"),
    "not_run": ("not run: {reason}", "未运行：{reason}"),
    "no CUDA card": ("no CUDA card", "没有 CUDA 显卡"),
    "gpu_rate": ("The card's own rate: a large product of two bf16 matrices", "显卡本身的速率：两个大型 bf16 矩阵相乘"),
    "gpu_full": ("Training, {items} items, full softmax", "训练，{items} 件商品，完整 softmax"),
    "gpu_sampled": ("Training, {items} items, sampled negatives", "训练，{items} 件商品，负采样"),
    "gpu_parity": ("The loss beside the CPU's", "与 CPU 上的损失相比"),
    "gpu_rate_found": ("{rate:,.0f} TFLOP/s", "{rate:,.0f} TFLOP/s"),
    "gpu_speed_found": (
        "{live:,} events/s, {share} of that rate ({ready:,} and {ready_share} with the batches ready); {peak:,} MB at most",
        "每秒 {live:,} 条事件，为上述速率的 {share}（批次事先备好时为 {ready:,} 条、{ready_share}）；显存峰值 {peak:,} MB",
    ),
    "gpu_parity_found": ("{apart:.2%} apart at most, over {steps} steps", "{steps} 步之内，相差最多 {apart:.2%}"),
    "gpu": (
        "Width {width}, {layers} layers, {length} events of a history, batches of {tokens} tokens.",
        "宽度 {width}，{layers} 层，历史长度 {length}，每批 {tokens} 个 token。",
    ),
    "ingest": (
        "{events} events from one Parquet file: {ingest} s to take in, {pack} s to pack into sequences, {total} s in all, "
        "{peak} MB at most.",
        "单个 Parquet 文件，{events} 条事件：导入 {ingest} 秒，打包成序列 {pack} 秒，合计 {total} 秒，内存峰值 {peak} MB。",
    ),
}  # fmt: skip


_MORE: dict[str, Callable[[Mapping[str, Any], int], str]] = {
    "histories": readme_speed.growth,
    "int8, rescored": readme_speed.topk,
    "counting_is_enough": readme_intent.intent,
    "best_baseline": readme_value.value,
    "peers": readme_speed.versus,
    "answers": readme_reasons.reasons,
    "methods": readme_segments.segments,
    "questions": readme_segments.speed,
}
"""What only such a result has -> who writes its block."""


def rendered(text: str, language: str, results: Path = RESULTS) -> str:
    """The text with every block made anew from its file.

    Args:
        text: of a README. language: 'en' or 'zh'. results: folder of the files.
    """

    def fill(match: re.Match[str]) -> str:
        if match[2] == "summary":
            return f"{match[1]}{_summary(results, language)}{match[4]}"
        file = results / f"{match[2]}.json"
        body = block(match[2], json.loads(file.read_text(encoding="utf-8")), language) if file.exists() else ""
        return f"{match[1]}{body}{match[4]}"

    return _BLOCK.sub(fill, text)


def block(name: str, result: Mapping[str, Any], language: str) -> str:
    """Markdown of one result: a recorded command, a table of methods, or the ingest figures."""
    column = 1 if language == "zh" else 0
    heading = f"### {TITLES[name][column]}\n\n" if name in TITLES else ""
    if "output" in result:
        return f"{heading}```console\n$ {result['command']}\n{result['output'].rstrip()}\n```\n"
    if "ingest_seconds" in result:
        return f"{heading}{_ingest(result, column)}\n"
    if "scripts" in result:
        return f"{heading}{_anomalies(result, column)}\n"
    if "card" in result:
        return f"{heading}{_gpu(result, column)}\n"
    if "together" in result:
        return f"{heading}{_simulated(result, column)}\n"
    if "rows" in result and "split" in result:
        return f"{heading}{_ablation(result, column)}\n"
    if "metrics" in result and "baselines" in result and "best_baseline" not in result:
        return f"{heading}{_table(result, language)}\n"
    for shape, write in _MORE.items():
        if shape in result:
            said = f"{write(result, column)}{'' if column else ' '}{_hardware(result, column)}"
            return f"{heading}{said}\n\n`{result['command']}`\n"
    raise SystemExit(f"benchmarks/results/{name}.json: no table is known for this shape")


def _summary(results: Path, language: str) -> str:
    """NDCG@10 of the model beside the best of the others, one line per result."""
    column = 1 if language == "zh" else 0
    words = [_WORDS[word][column] for word in ("log", "model", "best", "change_of", "asked", "seconds")]
    lines = [words, ["---", "---:", "---", "---:", "---:", "---:"]]
    for name in NEXT:
        file = results / f"{name}.json"
        if not file.exists():
            continue
        found = json.loads(file.read_text(encoding="utf-8"))
        best, change = found["verdict"]["best_baseline"], found["verdict"]["difference"]["ndcg_at_10"]
        low, high = change["interval"]
        lines.append([
            TITLES[name][column],
            _number(found["metrics"]["ndcg_at_10"]),
            f"{_method(best, found, language)} {_number(found['baselines'][best]['ndcg_at_10'])}",
            f"{change['mean']:+.4f} ({low:+.4f} – {high:+.4f})",
            f"{found['split']['customers']:,}",
            f"{found['train_seconds']:.0f}",
        ])  # fmt: skip
    return f"{table(lines)}\n"


def _ingest(result: Mapping[str, Any], column: int) -> str:
    said = _WORDS["ingest"][column].format(
        events=f"{result['settings']['events']:,}",
        ingest=result["ingest_seconds"],
        pack=result["pack_seconds"],
        total=result["total_seconds"],
        peak=f"{result['peak_mb']:,}",
    )
    return f"{said}{'' if column else ' '}{_hardware(result, column)}\n\n`{result['command']}`"


def _simulated(result: Mapping[str, Any], column: int) -> str:
    found = result["together"]
    lines = [[_WORDS[word][column] for word in ("taken", "matters", "does_not")], ["---", "---:", "---:"]]
    for name, cases in found["ablations"].items():
        drops = [cases[case]["drop"] for case in ("matters", "does_not")]
        cells = [f"{drop['mean']:.4f} ({drop['interval'][0]:.4f} – {drop['interval'][1]:.4f})" for drop in drops]
        lines.append([_WORDS[name][column], *cells])
    cause = found["cause"]
    low, high = cause["difference"]["interval"]
    said = _WORDS["simulated"][column].format(
        n=f"{found['ndcg_at_10']['n']:,}", shops=len(result["shops"]), ndcg=f"{found['ndcg_at_10']['mean']:.4f}",
        first=f"{cause['first_is_cause']['mean']:.1%}", latest=f"{cause['latest_is_cause']['mean']:.1%}",
        three=f"{cause['cause_in_first_three']['mean']:.1%}", low=f"{low:.1%}", high=f"{high:.1%}",
    )  # fmt: skip
    space = "" if column else " "
    return f"{table(lines)}\n\n{said}{space}{_hardware(result, column)}\n\n`{result['command']}`"


def _ablation(result: Mapping[str, Any], column: int) -> str:
    lines = [[_WORDS["piece"][column], "NDCG@10", _WORDS["change"][column]], ["---", "---:", "---:"]]
    rows = sorted(result["rows"], key=lambda row: not row["kept"])  # stable: what was tried comes last
    for place, row in enumerate(rows):
        if not row["kept"] and rows[place - 1]["kept"]:
            lines.append([_WORDS["tried"][column], "", ""])
        other = row["difference"]
        told = (
            "–"
            if other is None
            else f"{other['mean']:+.4f} ({other['interval'][0]:+.4f} – {other['interval'][1]:+.4f})"
        )
        lines.append([row["chinese"] if column else row["name"], f"{row['ndcg_at_10']['mean']:.4f}", told])
    said = _WORDS["ablation"][column].format(
        **{
            **result["split"],
            "asked": f"{result['split']['asked']:,}",
            "seeds": result["seeds"],
            "steps": f"{result['steps']:,}",
        }
    )
    space = "" if column else " "
    return f"{table(lines)}\n\n{said}{space}{_hardware(result, column)}\n\n`{result['command']}`"


def _anomalies(result: Mapping[str, Any], column: int) -> str:
    found = {**result["scripts"], "together": result["together"]}
    simple = [name for name in ("events", "acts_a_day") if name in result["together"]]
    lines = [[_WORDS[word][column] for word in ("script", "found", "own", "recall", *simple)]]
    lines.append(["---", *["---:"] * (len(lines[0]) - 1)])
    for name, each in found.items():
        shares = [each[method]["recall"]["mean"] for method in ("score", *simple)]
        low, high = each["score"]["recall"]["interval"]
        shown = [f"{share:.3f}" for share in shares]
        shown[0] += f" ({low:.3f} – {high:.3f})"
        scores = [each.get(score) for score in ("score", "own_score")]
        areas = [f"{score['average_precision']['mean']:.3f}" if score else "–" for score in scores]
        lines.append([_WORDS[name][column], *areas, *shown])
    said = _WORDS["anomalies"][column].format(
        bots=result["bots"], together=result["together"]["score"]["recall"]["n"] // result["seeds"],
        customers=f"{result['customers']:,}", seeds=result["seeds"],
        flagged=f"{result['untouched']['scripted']:.2%}", jitter=f"{result['jitter']:.0%}",
    )  # fmt: skip
    return f"{table(lines)}\n\n{said}{'' if column else ' '}{_hardware(result, column)}\n\n`{result['command']}`"


def _gpu(result: Mapping[str, Any], column: int) -> str:
    lines = [[_WORDS[word][column] for word in ("gpu_what", "gpu_found")], ["---", "---"]]
    for name, row in result["rows"].items():
        items = f"{result['settings'][name]['items']:,}" if name in result["settings"] else ""
        lines.append([_WORDS[f"gpu_{name}"][column].format(items=items), _found(name, row, column)])
    settings, space = result["settings"]["full"], "" if column else " "
    said = _WORDS["gpu"][column].format(**{**settings, "tokens": f"{settings['tokens']:,}"})
    where = f"{result['card']}{'，' if column else ', '}" if result["card"] else ""
    return f"{table(lines)}\n\n{said}{space}{where}{_hardware(result, column)}\n\n`{result['command']}`"


def _found(name: str, row: Mapping[str, Any], column: int) -> str:
    if "not_run" in row:
        reason = _WORDS[row["not_run"]][column] if row["not_run"] in _WORDS else row["not_run"]
        return _WORDS["not_run"][column].format(reason=reason)
    if name == "rate":
        return _WORDS["gpu_rate_found"][column].format(rate=row["flops"] / 1e12)
    if name == "parity":
        return _WORDS["gpu_parity_found"][column].format(apart=row["largest_difference"], steps=row["steps"])
    live, ready = row["events_per_second"].values()
    share, ready_share = ("–" if value is None else f"{value:.1%}" for value in row["share"].values())
    told = {"live": live, "ready": ready, "share": share, "ready_share": ready_share, "peak": row["peak_mb"]}
    return _WORDS["gpu_speed_found"][column].format(**told)


def _hardware(result: Mapping[str, Any], column: int) -> str:
    hardware = result.get("hardware")
    if not isinstance(hardware, Mapping):
        return str(hardware or "")
    known = {"cores": "?", "machine": "?", "system": "?", "python": "?"} | dict(hardware)
    return _WORDS["hardware"][column].format(**known)


def _table(result: Mapping[str, Any], language: str) -> str:
    column = 1 if language == "zh" else 0
    rows = {"": result["metrics"], **result["baselines"]}
    metrics = [name for name in _METRICS if name in result["metrics"]]
    order = sorted(rows, key=lambda name: -(rows[name][metrics[0]]["mean"] or 0))
    head = [_WORDS["method"][column], metric_name(metrics[0]), _WORDS["interval"][column]]
    head += [metric_name(name) for name in metrics[1:]]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for name in order:
        label = _method(name, result, language) if name else _WORDS["model"][column]
        first = rows[name][metrics[0]]
        cells = [_number(first), _interval(first), *(_number(rows[name].get(metric)) for metric in metrics[1:])]
        lines.append([label, *cells])
    return f"{table(lines)}\n\n{('' if column else ' ').join(_notes(result, metrics[0], language))}"


def _notes(result: Mapping[str, Any], metric: str, language: str) -> list[str]:
    column = 1 if language == "zh" else 0
    split, verdict = result["split"], result.get("verdict") or {}
    notes = [_WORDS["split"][column].format(**{**split, "customers": f"{split['customers']:,}"})]
    change = (verdict.get("difference") or {}).get(metric)
    if change and change["interval"]:
        low, high = change["interval"]
        name = _method(verdict["best_baseline"], result, language)
        signed = {"mean": f"{change['mean']:+.4f}", "low": f"{low:+.4f}", "high": f"{high:+.4f}"}
        notes.append(_WORDS["difference"][column].format(name=name, **signed))
    if result.get("train_seconds") is not None:
        notes.append(_WORDS["trained"][column].format(seconds=f"{result['train_seconds']:.0f}"))
    hardware = _hardware(result, column)
    return [*notes, hardware] if hardware else notes


def _method(name: str, result: Mapping[str, Any], language: str) -> str:
    """A baseline's or a peer's name."""
    peer = result.get("peers", {}).get(name)
    return str(peer["title"]) if peer else baseline_name(name, language)


def _number(found: Mapping[str, Any] | None) -> str:
    if not found or found["mean"] is None:
        return "–"
    return f"{found['mean']:.4f}" + (f" ± {found['sd']:.4f}" if "sd" in found else "")


def _interval(found: Mapping[str, Any]) -> str:
    return f"{found['interval'][0]:.4f} – {found['interval'][1]:.4f}" if found["interval"] else "–"


def record(name: str, command: list[str]) -> None:
    """Run `command` and keep what it printed as results/NAME.json; nothing is kept of a command that fails."""
    wide = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=wide, check=True)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    said = " ".join(f'"{word}"' if " " in word else word for word in command)
    kept = json.dumps({"command": said, "output": "\n".join(lines)}, ensure_ascii=False, indent=2)
    (RESULTS / f"{name}.json").write_text(f"{kept}\n", encoding="utf-8")


def main() -> int:
    """Write, check or record; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a block is old")
    options.add_argument("--record", metavar="NAME", help="keep the output of the command after --")
    options.add_argument("command", nargs="*", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.record:
        record(given.record, given.command)
    old = []
    for name in PAGES:
        path = ROOT / name
        before = path.read_text(encoding="utf-8")
        after = rendered(before, "zh" if "zh" in name else "en")
        if before != after:
            old.append(name)
            if not given.check:
                path.write_text(after, encoding="utf-8")
    if old:
        print(f"{', '.join(old)}: {'not up to date; run python benchmarks/readme.py' if given.check else 'written'}")
    return 1 if old and given.check else 0


if __name__ == "__main__":
    sys.exit(main())
