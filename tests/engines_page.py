"""The page docs/engines.md: each primitive, each engine."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from nabla.engines import numpy as numpy_engine
from nabla.engines.native.llvm.arithmetic import OPERATIONS
from nabla.engines.native.lowering.graphs import FORMULAS, RECIPES, ROWS
from nabla.engines.numpy.table import KERNELS as NUMPY
from nabla.engines.xla.table import HOST, KERNELS as XLA, PARTLY_ON_HOST
from nabla.primitives.formulas import select

PAGE = Path(__file__).parent.parent / "docs" / "engines.md"

HEAD = """# What runs where

Each row is a primitive: what public functions and derivatives are made of. *native* is code of the engine itself. *host* is
a call from the compiled program out to the NumPy engine: it waits for its inputs, costs tens of microseconds and, on an
accelerator, the way there and back, and a program that holds one cannot be exported. *kernel* is a call from the program to the
kernel of the NumPy engine, on the memory of the program itself, which costs some microseconds; what is *native* in the native
engine's column may be that, too, for some dtypes and options. The tests make this page, and compare
the engines in every mode.

"""


NATIVE, NAMES = {*ROWS, *RECIPES, select}, {*OPERATIONS, *FORMULAS}
"""What the native engine has code for."""


def cells(prim):
    """What each engine has for a primitive: NumPy, native, XLA."""
    native = "native" if prim in NATIVE or prim.name in NAMES else "kernel"
    if prim in HOST:
        return "native", native, "host"
    xla = f"native; host for {PARTLY_ON_HOST[prim]}" if prim in PARTLY_ON_HOST else "native" if prim in XLA else "none"
    return "native" if prim in NUMPY else "none", native, xla


def families():
    """The primitives of each module of the NumPy engine, by its name."""
    for name in sorted(module.name for module in iter_modules(numpy_engine.__path__)):
        kernels = getattr(import_module(f"nabla.engines.numpy.{name}"), "KERNELS", {})
        if name not in ("table", "compile", "run", "writing"):
            yield name, sorted(kernels, key=lambda prim: prim.name)


def page():
    parts = [HEAD]
    seen = set()
    for name, prims in families():
        rows = [f"| `{prim.name}` | {' | '.join(cells(prim))} |" for prim in prims]
        seen.update(prims)
        if rows:
            title = name.replace("_", " ").capitalize()
            parts += [f"## {title}\n\n| primitive | NumPy | native | XLA |\n| --- | --- | --- | --- |\n", "\n".join(rows), "\n\n"]
    assert seen == set(NUMPY)
    return "".join(parts).rstrip() + "\n"
