"""A graph: ONNX written as arithmetic, so that a forward pass reads the same here and in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 18, 9
"""The oldest operators with which the graphs can be written, those of ONNX Runtime 1.14."""

KINDS: dict[type, int] = {
    np.float32: TensorProto.FLOAT,
    np.int64: TensorProto.INT64,
    np.int8: TensorProto.INT8,
    np.uint8: TensorProto.UINT8,
}

Size = int | str
"""A length that is known, or the name of one that is not."""


class Value:
    """A value of a graph in the making; operators on it, with other values or arrays, become nodes of the graph."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def op(self, kind: str, *others: Any, **attributes: Any) -> Value:
        """The result of an ONNX operator on this value and others."""
        return self.graph.op(kind, self, *others, **attributes)

    def __add__(self, other: Any) -> Value:
        return self.op("Add", other)

    def __sub__(self, other: Any) -> Value:
        return self.op("Sub", other)

    def __mul__(self, other: Any) -> Value:
        return self.op("Mul", other)

    def __truediv__(self, other: Any) -> Value:
        return self.op("Div", other)

    def __matmul__(self, other: Any) -> Value:
        return self.op("MatMul", other)

    def part(self, axis: int, start: int, stop: int | None = None) -> Value:
        """A slice along one axis, up to its end where no other is given."""
        end = np.iinfo(np.int64).max if stop is None else stop
        return self.op("Slice", np.array([start]), np.array([end]), np.array([axis]))

    def with_axis(self, axis: int) -> Value:
        """With one more axis, of length 1."""
        return self.op("Unsqueeze", np.array([axis]))

    def over(self, kind: str, axis: int) -> Value:
        """Reduced along an axis ('ReduceMax' and its like), which stays with length 1."""
        return self.op(kind, np.array([axis]))

    def shaped(self, *sizes: int) -> Value:
        """Reshaped; 0 keeps a length, -1 takes what is left."""
        return self.op("Reshape", np.array(sizes))

    def turned(self, *axes: int) -> Value:
        """Axes in another order."""
        return self.op("Transpose", perm=axes)

    def joined(self, *others: Any, axis: int) -> Value:
        """Concatenated."""
        return self.op("Concat", *others, axis=axis)

    def sizes(self, start: int, stop: int) -> Value:
        """int64 [stop - start], lengths of the axes from `start` to `stop`."""
        return self.op("Shape", start=start, end=stop)

    def to(self, kind: type) -> Value:
        """As numbers of another type."""
        return self.op("Cast", to=KINDS[kind])


class Graph:
    """An ONNX graph in the making."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._constants: list[Any] = []

    def input(self, name: str, kind: type, shape: Sequence[Size]) -> Value:
        """What is given when the graph is run."""
        self._inputs.append(helper.make_tensor_value_info(name, KINDS[kind], shape))
        return Value(self, name)

    def given(self, name: str, kind: type, shape: Sequence[int]) -> Value:
        """A constant that whoever runs the graph hands over when the session is made; the model does not contain it."""
        tensor = TensorProto(name=name, data_type=KINDS[kind], dims=shape, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value=name)
        self._constants.append(tensor)
        return Value(self, name)

    def op(self, kind: str, *values: Any, **attributes: Any) -> Value:
        """The result of an ONNX operator; what is no value yet becomes a constant."""
        names = [value.name if isinstance(value, Value) else self._constant(np.asarray(value)) for value in values]
        result = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, names, [result], **attributes))
        return Value(self, result)

    def serialised(self, outputs: Mapping[str, tuple[Value, Sequence[Size]]]) -> bytes:
        """The ONNX model; outputs: float32 by name, with their shapes."""
        told = [helper.make_node("Identity", [value.name], [name]) for name, (value, _) in outputs.items()]
        shapes = [helper.make_tensor_value_info(name, KINDS[np.float32], shape) for name, (_, shape) in outputs.items()]
        graph = helper.make_graph([*self._nodes, *told], "regard", self._inputs, shapes, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="regard")
        model.ir_version = IR_VERSION
        return bytes(model.SerializeToString())

    def _constant(self, array: NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name
