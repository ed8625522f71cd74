"""Report: one HTML page from results, in English or Chinese, that opens offline and prints.

`ReportData` is all that it reads; `write` makes the page. Charts are inline SVG of our own, each beside its numbers.
"""

from __future__ import annotations

from regard.report.data import Attention, Customer, Deed, ReportData, Totals
from regard.report.page import render, write

__all__ = ["Attention", "Customer", "Deed", "ReportData", "Totals", "render", "write"]
