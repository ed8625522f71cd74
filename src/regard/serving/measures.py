"""Measures: what the server counts, as Prometheus reads it, in base units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Borders around what is promised: 20 ms for an answer, 100 ms for an acknowledgement."""

_GAUGES = {
    "waiting_events": ("regard_queue_records", "Events taken and not yet committed."),
    "tail_events": ("regard_tail_events", "Committed events that are in no part of the store yet."),
    "waiting_impressions": ("regard_waiting_impressions", "Lists shown that are not noted yet."),
    "lost_impressions": ("regard_lost_impressions", "Lists shown since the start that could not be noted."),
    "refused_records": ("regard_refused_records", "Records refused and not sent again since."),
    "newest_event_seconds": ("regard_newest_event_timestamp_seconds", "When the latest event arrived, since 1970 UTC."),
    "model_age_seconds": ("regard_model_age_seconds", "Since the newest model was registered."),
}
"""Name in the state -> name of the gauge and what it is."""


class Measures:
    """The counters of one server.

    Args:
        state: what is read when somebody looks: the names of _GAUGES and a value, None left out.

    >>> measures = Measures(lambda: {"tail_events": 7, "model_age_seconds": None})
    >>> measures.events({"accepted": 2, "refused": 1})
    >>> text = measures.text().decode()
    >>> "regard_tail_events 7.0" in text, 'regard_events_total{status="accepted"} 2.0' in text, "model_age" in text
    (True, True, False)
    """

    def __init__(self, state: Callable[[], dict[str, float | None]]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "regard_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "regard_request_seconds",
            "Time until the answer was sent.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._events = Counter(
            "regard_events", "Live events by what became of them.", ["status"], registry=self._registry
        )
        self._answers = Counter(
            "regard_answers", "Answers by what they rest on.", ["kind", "fallback_level"], registry=self._registry
        )
        self._kept: dict[tuple[str, str, int], Callable[[float], None]] = {}
        self._registry.register(_State(state))
        ProcessCollector(registry=self._registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request is answered.

        Args:
            route: its template, never its address.
        """
        name = (method, route, status)
        count = self._kept.get(name)
        if count is None:  # looking the labels up costs more than counting
            counter, histogram = self._requests.labels(method, route, str(status)), self._seconds.labels(route)

            def count(seconds: float) -> None:
                counter.inc()
                histogram.observe(seconds)

            self._kept[name] = count
        count(seconds)

    def events(self, counts: Mapping[str, int]) -> None:
        """Live events are committed: so many accepted, repeated, refused."""
        for status, count in counts.items():
            self._events.labels(status).inc(count)

    def answered(self, kind: str, fallback_level: str) -> None:
        """An answer is given.

        Args:
            kind: such as 'recommendations'. fallback_level: what it rests on, as the answer says.
        """
        self._answers.labels(kind, fallback_level).inc()

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)


class _State(Collector):
    def __init__(self, state: Callable[[], dict[str, float | None]]) -> None:
        self._state = state

    def collect(self) -> Iterator[Any]:
        for name, value in self._state().items():
            if value is not None:
                gauge = GaugeMetricFamily(*_GAUGES[name])
                gauge.add_metric([], value)
                yield gauge

    def describe(self) -> Iterator[Any]:
        yield from ()  # or registering would read the store
