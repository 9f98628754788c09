"""The protocols of the Python array API standard: a tensor's namespace, what the namespace can do, its device."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError
from nabla.ops.data_types import KINDS
from nabla.ops.devices import Device, default_place, device_of, devices, to_device, want_place
from nabla.tensor import Tensor

__array_api_version__ = "2025.12"
"""The version of the array API standard that the namespace follows."""

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")
"""Each of them adds to the one before, so that one namespace serves them all."""

MOST_AXES = 64
"""NumPy's own limit."""

_STANDARD = {
    str(dtype): dtype
    for kind in ("bool", "signed integer", "unsigned integer", "real floating", "complex floating")
    for dtype in sorted(KINDS[kind], key=lambda dtype: dtype.itemsize)
    if dtype is not dtypes.float16
}


class NamespaceInfo:
    """What code for any array library may ask about this one; `nb.__array_namespace_info__()` makes it."""

    __slots__ = ()
    __module__ = "nabla"

    def capabilities(self) -> dict[str, Any]:
        """Whether masks may be indices, whether shapes may depend on values, and how many axes a tensor may have.

        >>> nb.__array_namespace_info__().capabilities()["boolean indexing"]
        True
        """
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": MOST_AXES}

    def default_device(self) -> Device:
        """The device of what is made without naming one.

        >>> nb.__array_namespace_info__().default_device()
        'cpu'
        """
        return default_place()

    def devices(self) -> tuple[str, ...]:
        """All devices.

        >>> nb.__array_namespace_info__().devices() == nb.devices()
        True
        """
        return devices()

    def default_dtypes(self, *, device: Device | None = None) -> dict[str, np.dtype]:
        """The dtypes of what is made without naming one, by kind; the floating ones follow `nb.set_default_dtype`.

        >>> nb.__array_namespace_info__().default_dtypes()["real floating"]
        dtype('float64')
        """
        want_place("default_dtypes", device)
        return {
            "real floating": dtypes.default_dtype(),
            "complex floating": dtypes.default_complex(),
            "integral": dtypes.int64,
            "indexing": dtypes.int64,
        }

    def dtypes(self, *, device: Device | None = None, kind: str | tuple[str, ...] | None = None) -> dict[str, np.dtype]:
        """The dtypes of the standard by name: all, or those of a kind that `nb.isdtype` knows, or of several.

        float16, which the standard does not know, is not among them.

        >>> list(nb.__array_namespace_info__().dtypes(kind="real floating"))
        ['float32', 'float64']
        """
        want_place("dtypes", device)
        kinds = tuple(KINDS) if kind is None else kind if isinstance(kind, tuple) else (kind,)
        for item in kinds:
            if item not in KINDS:
                raise ArgumentError(f"dtypes: a kind is one of {', '.join(map(repr, KINDS))}, or a tuple of them; got {item!r}")
        return {name: dtype for name, dtype in _STANDARD.items() if any(dtype in KINDS[item] for item in kinds)}


def __array_namespace_info__() -> NamespaceInfo:
    """What this namespace can do, in the words of the array API standard: devices, dtypes, capabilities.

    >>> nb.__array_namespace_info__().default_device()
    'cpu'
    """
    return NamespaceInfo()


def array_namespace(self: Tensor, /, *, api_version: str | None = None) -> ModuleType:
    """The namespace `nabla`, for code that is written for any array library. api_version: of the standard, up to "2025.12"."""
    if api_version is not None and api_version not in VERSIONS:
        raise ArgumentError(f"__array_namespace__: the versions of the standard are {', '.join(VERSIONS)}; got {api_version!r}")
    return sys.modules[__name__.partition(".")[0]]


Tensor.__array_namespace__ = array_namespace  # type: ignore[attr-defined]
Tensor.to_device = to_device  # type: ignore[attr-defined]
Tensor.to = to_device  # type: ignore[attr-defined]
Tensor.device = property(device_of)  # type: ignore[attr-defined]
