"""Lifetime: the classic models of who is still a customer, who buys again and what that is worth, by maximum likelihood.

They need a customer's purchase days alone (`regard.sequences.purchases`) and are what the trained model must beat.
"""

from __future__ import annotations

from regard.evaluation.lifetime.beta_geometric import BgNbd, MbgNbd
from regard.evaluation.lifetime.gamma_gamma import GammaGamma
from regard.evaluation.lifetime.pareto_nbd import ParetoNbd

__all__ = ["BgNbd", "GammaGamma", "MbgNbd", "ParetoNbd"]
