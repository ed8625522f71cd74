"""Training: from a view to a model folder. Sizing by rule, the fit loop, early stopping, refit, calibration, resume after a kill.

`fit` is the one public verb; it needs the extra `regard[train]` (PyTorch) and is imported only where training happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regard.training.fitting import Report, fit

__all__ = ["Report", "fit"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from regard.training import fitting as module

        return getattr(module, name)
    raise AttributeError(f"module 'regard.training' has no attribute {name!r}")
