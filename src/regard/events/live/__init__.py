"""Live: events as they happen, committed before they are acknowledged, sealed into parts later."""

from __future__ import annotations
