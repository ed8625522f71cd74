"""Anomalies: bots, resellers, coupon farming, shared accounts, and bursts and drift of the whole stream, scored from a Log.

Every customer is compared with the shop's own customers, and every score rests on events that can be shown.
"""

from regard.sequences.anomalies.judge import SCRIPTED, Anomalies, Anomaly, judge
from regard.sequences.anomalies.stream import Burst, Drift, bursts, drift

__all__ = ["SCRIPTED", "Anomalies", "Anomaly", "Burst", "Drift", "bursts", "drift", "judge"]
