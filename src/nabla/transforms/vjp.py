"""vjp: the value of a function and its pullback, which takes cotangents of the output to cotangents of the inputs."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from nabla import tree
from nabla.autodiff.reverse import reverse
from nabla.dtypes import float0
from nabla.errors import ArgumentTypeError, DTypeError
from nabla.graph.node import Node
from nabla.graph.tokens import cut_older
from nabla.ops.collectives import want_axes
from nabla.primitives.structure import leave
from nabla.transforms.jvp import matching
from nabla.transforms.reduce_axes import reduced
from nabla.transforms.trace import (
    KeptCall,
    Path,
    cut_off,
    give,
    realize_free,
    realize_valued,
    want_bool,
)


class Pullback:
    """The transpose of a function's derivative at a point: cotangents of the output to a tuple, one cotangent per primal.

    It may be called many times, and owns its piece of graph: while it lives, what the function computed is kept.
    """

    __slots__ = ("_call", "_create_graph", "_reduce_axes")

    def __init__(self, call: KeptCall, create_graph: bool, reduce_axes: tuple[str, ...]) -> None:
        self._call = call
        self._create_graph = create_graph
        self._reduce_axes = reduce_axes

    def __call__(self, *cotangents: Any) -> tuple[Any, ...]:
        if len(cotangents) != 1:
            raise ArgumentTypeError(
                f"pullback: takes one cotangent, with the structure of the output; got {len(cotangents)}. For a function that "
                f"returns several values, pass them together: pullback((g, h)) for a tuple of two"
            )
        (cotangent,) = cotangents
        call = self._call
        given = cotangents_of("pullback", cotangent, call.outputs, call.structure, call.paths)
        if self._create_graph:
            grads = self._sweep(given)
        else:
            with cut_older():
                grads = [cut_off(g) for g in self._sweep(given)]
            realize_valued(grads)
        trace = call.trace
        grads = [leave(g, trace.token) for g in grads]
        realize_free(grads)
        values = [give(node, leaf, True) for node, leaf in zip(grads, trace.leaves)]
        return tuple(tree.unflatten(structure, values[start:stop]) for (start, stop), structure in zip(call.spans, call.structures))

    def _sweep(self, given: Sequence[Node | None]) -> list[Node]:
        trace = self._call.trace
        live = [(out, g) for out, g in zip(self._call.outputs, given) if g is not None and trace.token in out.tokens.members]
        found, _ = reverse([out for out, _ in live], [g for _, g in live], {trace.token})
        grads = []
        for leaf in trace.leaves:
            g = None if leaf.variable is None else found.get(leaf.variable)
            g = trace.zero(leaf) if g is None else g
            grads.append(reduced(g, leaf.node, self._reduce_axes) if self._reduce_axes and leaf.variable else g)
        return grads


def cotangents_of(
    what: str, cotangent: Any, outputs: Sequence[Node], structure: tree.TreeDef, paths: Sequence[Path]
) -> list[Node | None]:
    """One cotangent per output, checked against it; None for outputs that have none."""
    tree.want_structure(cotangent, structure, f"{what}: the cotangent", "cotangent", "the output")
    result: list[Node | None] = []
    for x, out, path in zip(tree.leaves(cotangent), outputs, paths):
        where = tree.under(path, "cotangent")
        if out.dtype.kind in "fc":
            result.append(matching(x, out, where, path, what))
        elif hasattr(x, "dtype") and x.dtype == float0:
            result.append(None)
        else:
            raise DTypeError(
                f"{what}: {path} has dtype {out.dtype}, so its cotangent, {where}, must have dtype float0 "
                f"(np.zeros(shape, nb.float0))"
            )
    return result


def vjp(
    fn: Callable[..., Any],
    *primals: Any,
    has_aux: bool = False,
    create_graph: bool = True,
    reduce_axes: Sequence[str] | str = (),
) -> tuple[Any, ...]:
    """The value of `fn(*primals)` and its pullback: (out, pullback), with has_aux (out, pullback, aux).

    Args:
        primals: the arguments, each a number, an array or a pytree; integers are allowed, their cotangent has dtype float0.
        has_aux: `fn` returns (output, aux).
        create_graph: False makes what the pullback returns constant for outer derivatives.
        reduce_axes: as for `grad`.

    The pullback takes a cotangent with the output's structure, shapes and dtypes (Python numbers are weak), may be called many
    times, and returns a tuple, one cotangent per primal. An ndarray primal has an ndarray cotangent, unless an outer transform
    still runs. It keeps the graph of the call alive as long as it lives.

    >>> import nabla as nb
    >>> out, pullback = nb.vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> out.item(), [g.item() for g in pullback(1.0)]
    (12.0, [4.0, 3.0])
    """
    want_bool("vjp", create_graph=create_graph)
    axes = want_axes("vjp", reduce_axes)
    call = KeptCall("vjp", fn, primals, has_aux)
    out, pullback = call.result(), Pullback(call, create_graph, axes)
    return (out, pullback, call.aux) if has_aux else (out, pullback)
