"""DLPack: memory shared with other libraries. What goes out is a read-only view; what comes in is a copy.

Nabla never writes to memory that somebody else might see, and expects the same of others: a tensor's value is a constant of the
graphs it is part of.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.errors import ArgumentTypeError
from nabla.graph.node import runtime
from nabla.ops.creation import array, asarray
from nabla.ops.devices import Device, made
from nabla.primitives.base import constant
from nabla.tensor import Tensor
from nabla.values import export

KDLCPU = 1
"""DLPack's number for the memory of the CPU."""

READ_ONLY_SINCE = (1, 0)
"""The version of DLPack from which a capsule can say that its memory is read-only."""


class _Unmarked:
    """An array's memory without the mark that it is read-only, for consumers that cannot be told."""

    def __init__(self, array: np.ndarray) -> None:
        self.keep = array
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def to_dlpack(
    self: Tensor,
    /,
    *,
    stream: None = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule for `from_dlpack` of another library: a read-only view of the value, or a copy with copy=True.

    A consumer older than DLPack 1.0 (max_version says so, or is missing) cannot be told that memory is read-only: it gets a copy,
    or with copy=False the memory itself, which it must not write to. Raises TracedValueError where a derivative would be lost.
    """
    if stream is not None:
        raise BufferError(f"__dlpack__: the CPU has no streams, so stream is None; got {stream!r}")
    if dl_device is not None and (int(getattr(dl_device[0], "value", dl_device[0])), dl_device[1]) != (KDLCPU, 0):
        raise BufferError(f"__dlpack__: tensors live on the CPU, DLPack device {(KDLCPU, 0)}; {tuple(dl_device)} was asked for")
    value = export(self._node, "exporting DLPack")
    if value.dtype.kind == "V":
        raise BufferError("__dlpack__: DLPack has no float0, the dtype of the derivative of an integer")
    if max_version is not None and tuple(max_version) >= READ_ONLY_SINCE:
        return value.__dlpack__(max_version=READ_ONLY_SINCE, copy=copy)
    return (np.asarray(_Unmarked(value)) if copy is False else value.copy()).__dlpack__()


def dlpack_device(self: Tensor, /) -> tuple[int, int]:
    """DLPack's name for the CPU: (1, 0)."""
    return KDLCPU, 0


def from_dlpack(x: Any, /, *, device: Device | None = None, copy: bool | None = None) -> Tensor:
    """A tensor with the values of any array that exports DLPack; a tensor is itself, as in `nb.asarray`.

    The values are copied, because later writes to that array must not be seen. copy: True gives a new tensor always; False raises
    BufferError unless the array says that it is read-only, and then shares its memory. device: where the tensor shall lie.

    >>> import numpy as np
    >>> nb.from_dlpack(np.ones(2)).tolist()
    [1.0, 1.0]
    """
    if isinstance(x, runtime.handle):
        return array(x, device=device) if copy else asarray(x, device=device)
    if not hasattr(x, "__dlpack__"):
        raise ArgumentTypeError(f"from_dlpack takes an array that exports DLPack; got {type(x).__name__}")
    value = np.from_dlpack(x)
    if copy is False:
        if value.flags.writeable:
            raise BufferError(
                "from_dlpack: copy=False, but the array may be written to later, which a tensor must not see; leave copy out"
            )
        return Tensor(made("from_dlpack", constant(value), device))
    return array(value, device=device)


Tensor.__dlpack__ = to_dlpack  # type: ignore[attr-defined]
Tensor.__dlpack_device__ = dlpack_device  # type: ignore[attr-defined]
