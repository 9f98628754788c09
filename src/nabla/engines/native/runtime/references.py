"""The kernels of the NumPy engine, called from machine code with the addresses of their outputs and inputs."""

from __future__ import annotations

import ctypes
from functools import partial
from threading import get_ident
from typing import Any, Sequence

import numpy as np

from nabla.engines.native.lowering.values import specs_of
from nabla.engines.numpy.table import KERNELS
from nabla.errors import EngineError
from nabla.graph.node import Node

DONE = 0x600D
"""What a kernel returns that has done its work."""
Prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64))
Spec = tuple[tuple[int, ...], np.dtype, Any]


class Kernels:
    """Those of a program. accesses: what each that is checked is, for one that fails: the first is called -1, the second -2."""

    def __init__(self, nodes: Sequence[Node], accesses: Sequence[str] = ()) -> None:
        self._kernels = [_Kernel(node) for node in nodes]
        self._accesses = accesses
        self._outside: BaseException | None = None
        self._failures: dict[int, BaseException] = {}
        self._callback = Prototype(self._call)  # kept as long as the program
        self.address = ctypes.cast(self._callback, ctypes.c_void_p).value or 0

    def _call(self, number: int, addresses: Any) -> int:
        try:
            if number < 0:
                self._outside = EngineError(f"an access outside its buffer: {self._accesses[-1 - number]}")
                return 1
            self._kernels[number](addresses)
        except BaseException as failure:  # noqa: BLE001 - no exception passes through machine code; it is raised behind it
            self._failures[get_ident()] = failure
            return 1
        return DONE

    def fail(self) -> None:
        """Raise what was raised in this thread; where nothing is known of it, it was an interrupt before the first line above."""
        outside, self._outside = self._outside, None
        if outside is not None:
            raise outside
        raise self._failures.pop(get_ident(), None) or KeyboardInterrupt


class _Kernel:
    def __init__(self, node: Node) -> None:
        self._outputs = [_spec(shape, dtype) for shape, dtype in specs_of(node)]
        self._inputs = [_spec(x.shape, x.dtype) for x in node.inputs]
        self._several = type(node.dtype) is tuple
        self._updates = node.prim.updates
        self._kernel = partial(KERNELS[node.prim], **node.params) if node.params else KERNELS[node.prim]

    def __call__(self, addresses: Any) -> None:
        first = len(self._outputs)
        inputs = [_array(addresses[first + i], spec) for i, spec in enumerate(self._inputs)]
        if self._updates:
            inputs[0] = inputs[0].copy()
        with np.errstate(all="ignore"):
            found = self._kernel(*inputs)
        for i, (spec, value) in enumerate(zip(self._outputs, found if self._several else (found,))):
            _array(addresses[i], spec)[...] = value


def _spec(shape: tuple[int, ...], dtype: Any) -> Spec:
    plain = np.dtype(dtype.name)
    size = int(np.prod(shape)) * plain.itemsize
    return shape, plain, ctypes.c_char * size


def _array(address: int, spec: Spec) -> np.ndarray:
    shape, dtype, kind = spec
    if not kind._length_:
        return np.empty(shape, dtype)
    return np.frombuffer(kind.from_address(address), dtype).reshape(shape)
