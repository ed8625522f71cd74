"""Logs say what is wrong with the store, and nothing that anybody sent."""

from __future__ import annotations

import json
import logging

from regard.errors import InputError, disk_full
from regard.serving import logs


def test_of_the_store_it_is_told_what_is_wrong() -> None:
    told = logs.failure(disk_full())
    assert told["wrong"] == "the disk is full; the store is unchanged" and "free some space" in told["hint"]
    assert "wrong" not in logs.failure(InputError("customer Jane Doe is no number"))


def test_of_other_loggers_only_the_first_line_is_written() -> None:
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "Traceback:\n  customer %s", ("Jane Doe",), None)
    line = json.loads(logs._Lines().format(record))
    assert line["event"] == "uvicorn.error: Traceback:"
