"""The runtime: a trained model's answers without PyTorch. `load(folder)` gives a `Runtime`, which is a Scorer."""

from regard.model.runtime.runtime import Best, Runtime, load

__all__ = ["Best", "Runtime", "load"]
