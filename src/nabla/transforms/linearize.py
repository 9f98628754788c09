"""linearize and linear_transpose: linear functions as objects, to be called many times."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from nabla import tree
from nabla.autodiff.forward import forward
from nabla.autodiff.linear import nonlinear
from nabla.autodiff.reverse import reverse
from nabla.dtypes import ShapeDtype
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError
from nabla.graph.node import Node
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.base import zeros
from nabla.primitives.structure import leave, placeholder
from nabla.tensor import Tensor
from nabla.transforms.jvp import tangents_of, zero_tangent
from nabla.transforms.trace import KeptCall, Path, flatten_outputs, hand_out, leaf_node, realize_free, want_callable
from nabla.transforms.vjp import cotangents_of


def linearize(fn: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of `fn(*primals)` and its derivative there, as a linear function: (out, tangent function[, aux]).

    Args:
        primals: the arguments, each a number, an array or a pytree; the tangent of an integer is None or of dtype float0.
        has_aux: `fn` returns (output, aux).

    The tangent function takes one tangent per primal, of its structure, shapes and dtypes (Python numbers are weak), to the
    tangent of the output, as `jvp` does; but `fn` runs once only, however often it is called. It can be mapped and
    differentiated. It keeps the graph of the call alive as long as it lives.

    >>> import nabla as nb
    >>> out, along = nb.linearize(nb.sin, 0.0)
    >>> out.item(), along(1.0).item(), along(2.0).item()
    (0.0, 1.0, 2.0)
    """
    call = KeptCall("linearize", fn, primals, has_aux, forward=True)
    out, along = call.result(), Pushforward(call)
    return (out, along, call.aux) if has_aux else (out, along)


class Pushforward:
    """A function's derivative at a point: tangents, one per primal, to the tangent of the output.

    It may be called many times, and owns its piece of graph: while it lives, what the function computed is kept.
    """

    __slots__ = ("_call",)

    def __init__(self, call: KeptCall) -> None:
        self._call = call

    def __call__(self, *tangents: Any) -> Any:
        call = self._call
        if len(tangents) != len(call.structures):
            raise ArgumentTypeError(f"linearize: takes one tangent per primal, {len(call.structures)} of them; got {len(tangents)}")
        token = call.trace.token
        seeds = tangents_of("linearize", call.trace.leaves, call.structures, tangents)
        swept = forward(call.outputs, seeds, {token})
        results = [zero_tangent(out) if dx is None else leave(dx, token) for out, dx in zip(call.outputs, swept)]
        realize_free(results)
        return tree.unflatten(call.structure, [hand_out(node) for node in results])


def linear_transpose(fn: Callable[..., Any], *primals: Any) -> Callable[[Any], tuple[Any, ...]]:
    """The transpose of a linear function: from a cotangent of its output to a tuple, one cotangent per argument.

    Args:
        fn: linear in all its arguments together. It is checked, and an error names what is not; to transpose the derivative of a
            function that is not linear, use `vjp`.
        primals: arrays or pytrees of them, of which only shapes and dtypes matter; `nb.ShapeDtype` stands for one.

    `fn` runs once, without values. Complex numbers: the pairing is Re sum(g * t), without conjugation, so that this is the
    transpose and not the adjoint.

    >>> import nabla as nb
    >>> transpose = nb.linear_transpose(nb.cumsum, nb.ShapeDtype(3, "float64"))
    >>> [g.tolist() for g in transpose(nb.array([1.0, 2.0, 3.0]))]
    [[6.0, 5.0, 3.0]]
    """
    want_callable("linear_transpose", fn)
    if not primals:
        raise ArgumentTypeError("linear_transpose: give the arguments of the function, or their ShapeDtype, after it")
    return Transpose(fn, primals)


class Transpose:
    """The transpose of a linear function. It owns the graph of the function, on stand-ins for the arguments."""

    __slots__ = ("_outputs", "_paths", "_spans", "_stand_ins", "_structure", "_structures", "_token")

    def __init__(self, fn: Callable[..., Any], primals: Sequence[Any]) -> None:
        self._token = token = Token("linear_transpose", placeholder=True)
        self._stand_ins: list[Node] = []
        self._spans: list[tuple[int, int]] = []
        self._structures: list[tree.TreeDef] = []
        try:
            opened = [self._open(x, f"primals[{i}]") for i, x in enumerate(primals)]
            self._outputs, self._structure, self._paths = flatten_outputs(fn(*opened), "linear_transpose")
            self._want_linear()
        except BaseException:
            token.restore()
            raise

    def _open(self, x: Any, path: str) -> Any:
        values, structure = tree.flatten(x)
        start = len(self._stand_ins)
        for value, place in zip(values, tree.places(structure, path)):
            self._stand_ins.append(self._stand_in(value, place))
        self._spans.append((start, len(self._stand_ins)))
        self._structures.append(structure)
        return tree.unflatten(structure, [Tensor(s) for s in self._stand_ins[start:]])

    def _stand_in(self, x: Any, place: Path) -> Node:
        like: Any = x if isinstance(x, ShapeDtype) else leaf_node(x, place, "linear_transpose", allow_int=False)
        if like.dtype.kind not in "fc":
            raise DTypeError(f"linear_transpose: {place} has dtype {like.dtype}; a linear function takes floating numbers")
        return placeholder(like.shape, like.dtype, Tokens((self._token,)), str(place))

    def _want_linear(self) -> None:
        for out, path in zip(self._outputs, self._paths):
            if out.dtype.kind not in "fc":
                raise DTypeError(f"linear_transpose: {path} has dtype {out.dtype}; a linear function returns floating numbers")
            fault = nonlinear([out], self._token)
            if fault is not None:
                raise ArgumentError(
                    f"linear_transpose: {path} is not linear in the arguments: {fault}. To transpose a derivative, use nb.vjp."
                )

    def __call__(self, cotangent: Any) -> tuple[Any, ...]:
        given = cotangents_of("linear_transpose", cotangent, self._outputs, self._structure, self._paths)
        live = [(out, g) for out, g in zip(self._outputs, given) if g is not None and self._token in out.tokens.members]
        found, _ = reverse([out for out, _ in live], [g for _, g in live], {self._token})
        results = [found[x] if x in found else zeros(x.shape, x.dtype) for x in self._stand_ins]
        realize_free(results)
        values = [hand_out(node) for node in results]
        return tuple(
            tree.unflatten(structure, values[start:stop]) for (start, stop), structure in zip(self._spans, self._structures)
        )

    def __del__(self) -> None:
        self._token.kill()
