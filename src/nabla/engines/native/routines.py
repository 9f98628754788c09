"""Routines from outside that a program calls: of BLAS, which SciPy brings along, and the reference kernels of the NumPy engine."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, NamedTuple

from nabla import lazy
from nabla.engines.native.objects import ADDRESSES

cython_blas = lazy.optional("scipy.linalg.cython_blas")
cython_lapack = lazy.optional("scipy.linalg.cython_lapack")


class Reference(NamedTuple):
    """The kernel of a node; `number` says of which one. cold: it is called only where something is wrong, to say what."""

    name: str
    number: int
    cold: bool = False

    def __str__(self) -> str:
        return f"numpy.{self.name}"


class Blas(NamedTuple):
    """A routine of BLAS, all of whose arguments are addresses."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def symbol(self) -> str:
        return _known(cython_blas, self.name)


class Lapack(NamedTuple):
    """The same of LAPACK."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def symbol(self) -> str:
        return _known(cython_lapack, self.name)


@lru_cache(maxsize=64)
def _known(library: Any, name: str) -> str:
    """The name under which LLVM knows the routine."""
    capsule = library.__pyx_capi__[name]
    get_name, get_pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    ADDRESSES[f"nabla_{name}"] = get_pointer(capsule, get_name(capsule))
    return f"nabla_{name}"
