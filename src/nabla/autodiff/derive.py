"""The missing rule of a general primitive, derived from the one it has.

Reverse from forward: apply the forward rule to stand-ins for the tangents; it is linear in them, so a reverse sweep over what it
wrote, with respect to the stand-ins, transposes it. Forward from reverse: transpose the reverse rule, which is linear in
its cotangent; the transpose of (g -> vjp(g)), applied to the tangents, is the forward rule. That the rule is linear is checked.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

from nabla.autodiff.linear import nonlinear
from nabla.autodiff.reverse import reverse
from nabla.errors import NotDifferentiableError
from nabla.graph.node import Node
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.base import zeros_like
from nabla.primitives.kinds import General, derived
from nabla.primitives.structure import outputs, placeholder, variable


def _stand_in(x: Node, token: Token) -> Node:
    return placeholder(x.shape, x.dtype, Tokens((token,)), "the argument of a derived rule")


def derive_pull(prim: General, node: Node, g: Any, wants: Sequence[bool], masked: bool) -> Sequence[Node | None]:
    """The reverse rule, by transposing the forward rule; under a masked cotangent, its products are safe."""
    token = Token("derived rule", placeholder=True)
    stand_ins = [_stand_in(x, token) if want and x.dtype.kind in "fc" else None for x, want in zip(node.inputs, wants)]
    assert prim.jvp is not None
    tangent = prim.jvp(node, stand_ins)
    outs, gs = _paired(tangent, g)
    live = [(out, ct) for out, ct in zip(outs, gs) if token in out.tokens.members]
    _want_linear(prim, node, "forward", "tangents", outs, token)
    marks = {out for out, _ in live} if masked else None
    found, _ = reverse([out for out, _ in live], [ct for _, ct in live], {token}, marks)
    return [None if s is None else found.get(s) for s in stand_ins]


def derive_push(prim: General, node: Node, tangents: Sequence[Node | None]) -> Any:
    """The forward rule, by transposing the reverse rule."""
    token = Token("derived rule", placeholder=True)
    if type(node.dtype) is tuple:
        g: Any = {i: _stand_in(out, token) for i, out in enumerate(outputs(node))}
    else:
        g = _stand_in(node, token)
    assert prim.vjp is not None
    cotangents = prim.vjp(node, g, [dx is not None for dx in tangents])
    pairs = [(gx, dx) for gx, dx in zip(cotangents, tangents) if gx is not None and dx is not None]
    _want_linear(prim, node, "reverse", "cotangents", [gx for gx, _ in pairs], token)
    live = [(gx, dx) for gx, dx in pairs if token in gx.tokens.members]
    found, _ = reverse([gx for gx, _ in live], [dx for _, dx in live], {token})
    if type(node.dtype) is tuple:
        return [found[s] if s in found else zeros_like(s) for s in g.values()]
    return found.get(g)


def _paired(tangent: Any, g: Any) -> tuple[list[Node], list[Node]]:
    if tangent is None:
        return [], []
    if isinstance(g, dict):
        pairs = [(tangent[i], ct) for i, ct in g.items() if tangent[i] is not None]
        return [out for out, _ in pairs], [ct for _, ct in pairs]
    return [tangent], [g]


def _want_linear(prim: General, node: Node, mode: str, of: str, results: Sequence[Node], token: Token) -> None:
    fault = nonlinear(results, token)
    if fault is not None:
        other = "reverse" if mode == "forward" else "forward"
        raise NotDifferentiableError(
            f"the {mode} rule of {prim.title(node)} is not linear in its {of} ({fault}), so the {other} rule cannot be derived "
            f"from it; give it both"
        )


def cotangents(f: Callable[..., Node], xs: Sequence[Node], g: Node) -> list[Node | None]:
    """The cotangents of the arguments of a function on nodes; None for zero."""
    token = Token("derived rule")
    alone = Tokens((token,))
    variables = [variable(x, alone) if x.dtype.kind in "fc" else x for x in xs]
    found, _ = reverse([f(*variables)], [g], {token})
    token.kill()
    return [found.get(x) for x in variables]


derived.cotangents = cotangents
derived.push = derive_push
derived.pull = derive_pull
