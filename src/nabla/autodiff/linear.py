"""Whether a piece of graph is linear in its stand-ins: what may be transposed.

A node is linear where its primitive is linear in those of its inputs that depend on the stand-ins, all together, and adds
nothing of its own: x + 1 is as wrong as x * x.
"""

from __future__ import annotations

from typing import Sequence

from nabla.graph.node import Node, in_memory, runtime
from nabla.graph.tokens import Token, Tokens
from nabla.graph.walk import between
from nabla.primitives.base import Constant, Opaque, is_zeros
from nabla.primitives.elementwise import MINUS_ONE, ONE, ZERO, Elementwise, add, mul, safe_mul
from nabla.primitives.formulas import div, select, sub
from nabla.primitives.kinds import Linear, Multilinear
from nabla.primitives.structure import output, placeholder


def nonlinear(outputs: Sequence[Node], token: Token) -> str | None:
    """What is not linear in the stand-ins of `token` on the way to `outputs`, in words; None where all is."""
    for out in outputs:
        if token not in out.tokens.members and not _vanishes(out):
            return "a part of it is constant, and not zero"
    for node in between(outputs, {token}):
        if node.inputs:
            fault = _fault(node, [token in x.tokens.members for x in node.inputs], token)
            if fault:
                return fault
    return None


def _vanishes(x: Node) -> bool:
    """Whether a node is zero everywhere; one that hangs on a placeholder has the benefit of the doubt."""
    if is_zeros(x) or x.tokens.placeholder or type(x.dtype) is tuple or x.dtype.kind == "V":
        return True
    if x.value is None:
        runtime.realize((x,))
    return not in_memory(x).any()


def _fault(node: Node, moves: Sequence[bool], token: Token) -> str | None:
    prim, inputs = node.prim, node.inputs
    count = sum(moves)
    if prim is output:
        return None
    if prim is add or prim is sub or prim is select:
        if prim is select and moves[0]:
            return "the condition of where depends on it"
        return _affine(node, [x for x, moving in zip(inputs, moves) if not moving and x.dtype.kind != "b"])
    if isinstance(prim, Linear):
        if node.dtype.kind not in "fc":
            return f"{prim.name} of it to {node.dtype}"
        fixed = [x for i, x in enumerate(inputs) if prim.transpose_of(i) is not None and not moves[i]]
        if any(moving and prim.transpose_of(i) is None for i, moving in enumerate(moves)):
            return f"{prim.name} depends on it by more than its values"
        return _affine(node, fixed)
    if prim is mul or prim is safe_mul or isinstance(prim, Multilinear):
        return None if count == 1 else f"{prim.name} multiplies it by itself"
    if prim is div:
        return f"{prim.name} divides by it" if moves[1] else None
    if isinstance(prim, Elementwise):
        if len(prim.partials) == 1 and prim.partials[0] in (ONE, MINUS_ONE):
            return None
        return f"{prim.name} of it" + (", which has derivative zero" if all(p is ZERO for p in prim.partials) else "")
    if isinstance(prim, Opaque):
        return f"what {prim.name} makes of it cannot be seen"
    if isinstance(prim, Constant):
        return f"{prim.name} of it"
    return _by_derivative(node, moves, token)


def _affine(node: Node, fixed: Sequence[Node]) -> str | None:
    return None if all(map(_vanishes, fixed)) else f"{node.prim.name} joins it with something that is constant, and not zero"


def _by_derivative(node: Node, moves: Sequence[bool], token: Token) -> str | None:
    """A general primitive is taken for linear where its derivative does not depend on where it is taken."""
    own = Token("linearity", placeholder=True)
    tokens = Tokens((own,))
    dxs = [placeholder(x.shape, x.dtype, tokens, "a direction") if moving else None for x, moving in zip(node.inputs, moves)]
    dout = node.prim.push(node, dxs)
    own.kill()
    parts = [dout] if isinstance(dout, Node) else [] if dout is None else [dx for dx in dout if dx is not None]
    return f"{node.prim.name} of it" if any(token in dx.tokens.members for dx in parts) else None
