"""Operations on vectors that programs share as functions, and the truth values that they hang on.

Without passes, LLVM is slow to choose instructions for vectors of truth values, and for some operations. A shared function is
compiled once, and well. So truth values are not computed where they stand, but inside the functions of those who ask for them, once
more for each; with passes they are one again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

import numpy as np

from nabla.engines.native.llvm.text import NAMES, Code, type_of
from nabla.engines.native.loops import BOOL, Op, Reg

if TYPE_CHECKING:
    from nabla.engines.native.llvm.emission import Function

LARGEST = 8
"""Operands of a truth value that is not computed at once."""


class Given(NamedTuple):
    """An operand: its name, its dtype, and whether it is the same number in all lanes, which is so of truth values alone."""

    name: str
    dtype: np.dtype
    single: bool


class Tree(NamedTuple):
    """An operation of operands and of other truth values. text: what says all of it but the names."""

    op: Op
    parts: tuple[Any, ...]
    given: tuple[Given, ...]
    text: str


def tree(f: Function, s: Op) -> Tree:
    """An operation in the lanes of a vector, on what its operands are called now."""
    parts: list[Any] = []
    given: list[Given] = []
    words = [s.name]
    for x in s.args:
        part: Any = f.truths.get(x) if x.dtype == BOOL and type(x) is Reg else None
        if part is None:
            single = x.dtype == BOOL and x not in f.varying
            part = Given(f.name(x) if single else f.spread(x), x.dtype, single)
            given.append(part)
            words.append("one" if single else NAMES[x.dtype])
        else:
            given.extend(part.given)
            words.append(part.text)
        parts.append(part)
    return Tree(s, tuple(parts), tuple(given), ".".join(words))


def of_names(s: Op, names: Sequence[str]) -> Tree:
    """An operation on vectors of these names."""
    given = tuple([Given(name, x.dtype, False) for name, x in zip(names, s.args)])
    return Tree(s, given, given, ".".join([s.name, *[NAMES[x.dtype] for x in s.args]]))


def shared(f: Function, x: Tree, lanes: int) -> str:
    """Its result, by a function that programs share."""
    dtype = x.op.out.dtype

    def write(code: Code, *names: str) -> str:
        code.lanes = lanes
        return _written(f, code, x, list(names))

    operands = [(type_of(y.dtype) if y.single else f"<{lanes} x {type_of(y.dtype)}>", y.name) for y in x.given]
    return f.code.shared(f"{x.text}.v{lanes}{NAMES[dtype]}", f"<{lanes} x {type_of(dtype)}>", operands, write)


def written(f: Function, x: Tree) -> str:
    """Its result, here."""
    code, kept = f.code, f.code.lanes
    code.lanes = f.lanes
    found = _written(f, code, x, [y.name for y in x.given])
    code.lanes = kept
    return found


def _written(f: Function, code: Code, x: Tree, names: list[str]) -> str:
    """names: of what is still to be taken, which is taken from them."""
    operands = []
    for part in x.parts:
        if type(part) is Tree:
            operands.append(_written(f, code, part, names))
        else:
            name = names.pop(0)
            operands.append(code.spread(name, part.dtype, code.lanes) if part.single else name)
    return f.operation(code, x.op, operands)
