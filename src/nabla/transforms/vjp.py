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
    Path,
    Trace,
    aux_nodes,
    cut_off,
    flatten_outputs,
    give,
    hand_out,
    realize_free,
    realize_valued,
    split_aux,
    want_bool,
    want_callable,
)


class Pullback:
    """The transpose of a function's derivative at a point: cotangents of the output to a tuple, one cotangent per primal.

    It may be called many times, and owns its piece of graph: while it lives, what the function computed is kept.
    """

    __slots__ = ("_create_graph", "_outputs", "_paths", "_reduce_axes", "_spans", "_structure", "_structures", "_trace")

    def __init__(
        self, trace: Trace, outputs: list[Node], structure: tree.TreeDef, paths: Sequence[Path], spans: list[tuple[int, int]],
        structures: list[tree.TreeDef], create_graph: bool, reduce_axes: tuple[str, ...],
    ) -> None:  # fmt: skip
        self._trace = trace
        self._outputs = outputs
        self._structure = structure
        self._paths = paths
        self._spans = spans
        self._structures = structures
        self._create_graph = create_graph
        self._reduce_axes = reduce_axes

    def __call__(self, *cotangents: Any) -> tuple[Any, ...]:
        if len(cotangents) != 1:
            raise ArgumentTypeError(
                f"pullback: takes one cotangent, with the structure of the output; got {len(cotangents)}. For a function that "
                f"returns several values, pass them together: pullback((g, h)) for a tuple of two"
            )
        (cotangent,) = cotangents
        given = self._checked(cotangent)
        if self._create_graph:
            grads = self._sweep(given)
        else:
            with cut_older():
                grads = [cut_off(g) for g in self._sweep(given)]
            realize_valued(grads)
        trace = self._trace
        grads = [leave(g, trace.token) for g in grads]
        realize_free(grads)
        values = [give(node, leaf, True) for node, leaf in zip(grads, trace.leaves)]
        return tuple(
            tree.unflatten(structure, values[start:stop]) for (start, stop), structure in zip(self._spans, self._structures)
        )

    def _sweep(self, given: Sequence[Node | None]) -> list[Node]:
        trace = self._trace
        live = [(out, g) for out, g in zip(self._outputs, given) if g is not None and trace.token in out.tokens.members]
        found, _ = reverse([out for out, _ in live], [g for _, g in live], {trace.token})
        grads = []
        for leaf in trace.leaves:
            g = None if leaf.variable is None else found.get(leaf.variable)
            g = trace.zero(leaf) if g is None else g
            grads.append(reduced(g, leaf.node, self._reduce_axes) if self._reduce_axes and leaf.variable else g)
        return grads

    def _checked(self, cotangent: Any) -> list[Node | None]:
        """One cotangent per output, None for outputs that have none."""
        tree.want_structure(cotangent, self._structure, "pullback: the cotangent", "cotangent", "the output")
        result: list[Node | None] = []
        for x, out, path in zip(tree.leaves(cotangent), self._outputs, self._paths):
            where = tree.under(path, "cotangent")
            if out.dtype.kind in "fc":
                result.append(matching(x, out, where, path, "pullback"))
            elif hasattr(x, "dtype") and x.dtype == float0:
                result.append(None)
            else:
                raise DTypeError(
                    f"pullback: {path} has dtype {out.dtype}, so its cotangent, {where}, must have dtype float0 "
                    f"(np.zeros(shape, nb.float0))"
                )
        return result

    def __del__(self) -> None:
        trace = getattr(self, "_trace", None)
        if trace is not None:
            trace.token.kill()


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
    want_callable("vjp", fn)
    want_bool("vjp", has_aux=has_aux, create_graph=create_graph)
    if not primals:
        raise ArgumentTypeError("vjp: give the arguments of the function after it, as in nb.vjp(f, x, y)")
    axes = want_axes("vjp", reduce_axes)
    with Trace("vjp", outlives=True) as trace:
        spans: list[tuple[int, int]] = []
        structures: list[tree.TreeDef] = []
        opened = []
        for i, x in enumerate(primals):
            start = len(trace.leaves)
            opened.append(trace.open(x, f"primals[{i}]", allow_int=True))
            spans.append((start, len(trace.leaves)))
            structures.append(tree.structure(opened[-1]))
        result, aux = split_aux(fn(*opened), has_aux, "vjp")
        outputs, structure, paths = flatten_outputs(result, "vjp")
        trace.check_connected(outputs)
        pullback = Pullback(trace, outputs, structure, paths, spans, structures, create_graph, axes)
    outside = [leave(node, trace.token) for node in outputs]
    realize_free([*outside, *(aux_nodes(aux) if has_aux else [])])
    out = tree.unflatten(structure, [hand_out(node) for node in outside])
    return (out, pullback, aux) if has_aux else (out, pullback)
