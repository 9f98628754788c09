"""Routines from outside that a program calls: of BLAS, and special functions, both of SciPy, and kernels of the NumPy engine."""

from __future__ import annotations

import ctypes
import re
from functools import lru_cache
from typing import Any, NamedTuple, Sequence

import numpy as np

from nabla import lazy
from nabla.engines.native.loops import Num, Part
from nabla.engines.native.runtime.objects import ADDRESSES

cython_blas = lazy.optional("scipy.linalg.cython_blas")
cython_lapack = lazy.optional("scipy.linalg.cython_lapack")
cython_special = lazy.optional("scipy.special.cython_special")


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

    def asked(self, args: Sequence[Part | Num | Space]) -> list[int]:
        """How much memory the routine wants to work in, by asking it, for each of these among the arguments."""
        cells: list[np.ndarray] = []
        spaces: list[np.ndarray] = []
        for x in args:
            if type(x) is Space:
                spaces.append(np.zeros(1, x.dtype.name))
                cells += [spaces[-1], np.array([-1], np.int32)]
            else:
                cells.append(np.array([x.value], x.dtype.name) if isinstance(x, Num) else np.zeros(8))
        routine = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(cells))(ADDRESSES[self.symbol])
        routine(*[x.ctypes.data for x in cells])
        return [int(x[0].real) for x in spaces]


class Space(NamedTuple):
    """Memory that a routine of LAPACK works in, and the size of it: two arguments."""

    dtype: np.dtype


@lru_cache(maxsize=64)
def _known(library: Any, name: str) -> str:
    """The name under which LLVM knows the routine."""
    return _registered(name, library.__pyx_capi__[name])


@lru_cache(maxsize=256)
def special_function(name: str, count: int, of_complex: bool = False, outs: int = 0, degree: bool = False) -> str | None:
    """The name under which LLVM knows SciPy's special function of so many numbers in double precision; None if there is no such
    one. It has one argument more, for Cython; or gives several numbers, each to an address that it is given. degree: the first one
    is an integer. Functions of several kinds of numbers have a prefix."""
    kind = "__pyx_t_double_complex" if of_complex else "double"
    kinds = ["Py_ssize_t"] * degree + [kind] * (count - degree)
    wanted = f"{kind} ({', '.join(kinds)}, int __pyx_skip_dispatch)"
    if outs:
        wanted = f"void ({', '.join([kind] * count + [f'{kind} *'] * outs)})"
    for key, capsule in cython_special.__pyx_capi__.items():
        if re.fullmatch(rf"(__pyx_fuse_[0-9_]+)?{name}", key) and _name_of(capsule).decode() == wanted:
            return _registered(key.strip("_"), capsule)
    return None


def _registered(name: str, capsule: Any) -> str:
    ADDRESSES[f"nabla_{name}"] = _pointer_of(capsule, _name_of(capsule))
    return f"nabla_{name}"


_name_of, _pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
_name_of.restype, _name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
_pointer_of.restype, _pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
