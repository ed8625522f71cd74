"""Sensitive columns: what a table says of gender, age, ethnicity, religion, health, sexual orientation and politics.

They are kept as given and handed to nobody, unless regard.toml switches them on:

    [privacy]
    sensitive = ["age", "gender"]

Regard never guesses any of this from behaviour.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

import pyarrow as pa

from regard.events.names import plain

KINDS: dict[str, tuple[str, str]] = {
    "gender": (
        "gender sex male female salutation",
        "性别 男女 称谓",
    ),
    "age": (
        "age aged ages birthday birthdate birthyear birth dob born generation",
        "年龄 年纪 岁数 年龄段 出生 生日 年代",
    ),
    "ethnicity": (
        "ethnicity ethnic race racial caste nationality tribe",
        "民族 种族 族裔 国籍 肤色",
    ),
    "religion": (
        "religion religious faith church confession",
        "宗教 信仰 教派",
    ),
    "health": (
        "health healthy disability disabled diagnosis illness disease medical medication pregnant pregnancy allergy "
        "allergies diabetic bmi smoker",
        "健康 残疾 病史 疾病 患病 用药 怀孕 孕期 孕周 过敏 血型 医疗",
    ),
    "sexual_orientation": (
        "orientation sexuality sexual lgbt lgbtq",
        "性取向 性向",
    ),
    "politics": (
        "politics political party vote voter voting union",
        "政治 党派 党员 政党 工会",
    ),
}  # fmt: skip
"""Kind -> words of column names, English (whole words) and Chinese (anywhere)."""

_SPLIT = re.compile(r"[a-z]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def kind_of(column: str) -> str | None:
    """The kind of what a column of this name holds, None where it is not sensitive.

    A name that only looks like it counts as well ('account age'): a person can switch it on or give it another name.

    >>> kind_of("AGE_DESC"), kind_of("userGender"), kind_of("年龄段"), kind_of("language"), kind_of("date of birth")
    ('age', 'gender', 'age', None, 'age')
    """
    name = _CAMEL.sub(" ", unicodedata.normalize("NFKC", column)).casefold()
    words = set(_SPLIT.findall(name))
    for kind, (english, chinese) in KINDS.items():
        if words & set(english.split()) or any(word in plain(column) for word in chinese.split()):
            return kind
    return None


def withheld(columns: Iterable[str], switched_on: Collection[str]) -> list[str]:
    """The columns that nobody gets.

    Args:
        columns: names. switched_on: kinds that regard.toml allows.
    """
    kinds = {column: kind_of(column) for column in columns}
    return [column for column, kind in kinds.items() if kind is not None and kind not in switched_on]


def without(table: pa.Table, switched_on: Collection[str]) -> pa.Table:
    """The table without its withheld columns."""
    return table.drop_columns(withheld(table.column_names, switched_on))
