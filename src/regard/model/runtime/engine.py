"""Engine: the encoder and the estimates of all items by ONNX Runtime, where it is installed and the model brings its graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import ModelError
from regard.model.artefact import ENCODER, ESTIMATE, Artefact
from regard.model.runtime.search import Catalogue, Rounded
from regard.sequences.batches import Batch

Array = NDArray[np.float32]


class Engine:
    """Two sessions of one thread each: who has several cores asks from several threads, and none waits for another.

    Args:
        runtime: the module onnxruntime. artefact: with both graphs. catalogue: of its items.
    """

    def __init__(self, runtime: Any, artefact: Artefact, catalogue: Catalogue) -> None:
        self._runtime = runtime
        self.rounded = Rounded(catalogue.items, catalogue.places)
        self._encoder = self._session(artefact, ENCODER, {})
        given: dict[str, NDArray[Any]] = {
            "codes": self.rounded.codes,
            "scale": self.rounded.scale,
            "counts": catalogue.counts,
        }
        self._estimate = self._session(artefact, ESTIMATE, given)
        self._given = given  # the session reads these arrays where they are

    def encode(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[Array, Array | None]:
        """States [B, D] and logits of own items [B, U], None without a pointer."""
        state, *own = self._encoder.run(None, dict(inputs))
        return state, own[0] if own else None

    def estimate(self, state: Array, share: Array, out: Array) -> None:
        """Scores by int8 products, into [B, W]. state: [B, D]. share: [B, C], what the counts weigh."""
        binding = self._estimate.io_binding()
        binding.bind_cpu_input("state", np.ascontiguousarray(state))
        binding.bind_cpu_input("share", np.ascontiguousarray(share))
        binding.bind_output("estimate", "cpu", 0, np.float32, out.shape, out.ctypes.data)
        self._estimate.run_with_iobinding(binding)

    def _session(self, artefact: Artefact, name: str, given: Mapping[str, NDArray[Any]]) -> Any:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_mem_pattern = False  # histories are of any length
        values = [self._runtime.OrtValue.ortvalue_from_numpy(array) for array in given.values()]
        if given:
            options.add_external_initializers(list(given), values)
        try:
            return self._runtime.InferenceSession(artefact.graphs[name], options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors share no other base
            raise ModelError(
                f"{name} cannot be run: {str(error).splitlines()[0]}", hint="update onnxruntime, or train again"
            ) from None


def feed(batch: Batch, items: Array, popularity: Array, *, pointer: bool) -> dict[str, NDArray[Any]]:
    """What the encoder's graph reads of a batch.

    Args:
        items: [V, D]. popularity: [V, C]. pointer: whether the network has one.
    """
    V = len(items)
    known = items[np.minimum(batch.item, V - 1)]
    known[batch.item == V] = 0
    inputs = {"item": known} | {
        name: getattr(batch, name) for name in ("behaviour", "context", "numbers", "days", "limit", "rank", "elapsed")
    }
    if pointer:
        inputs |= {"slot": batch.slot, "popular": popularity[np.minimum(batch.slot_item, V - 1)]}
    return inputs


def engine_of(artefact: Artefact, catalogue: Catalogue) -> Engine | None:
    """None where ONNX Runtime is missing or the model has no graphs.

    Raises:
        ModelError: this ONNX Runtime cannot run the graphs.
    """
    if not artefact.graphs:
        return None
    try:
        import onnxruntime
    except ImportError:
        return None
    onnxruntime.disable_telemetry_events()
    return Engine(onnxruntime, artefact, catalogue)
