"""associative_scan: all partial results of an associative function, in as many rounds as the length has binary digits."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from nabla import dtypes, tree
from nabla.errors import ArgumentError, ShapeError, TreeError
from nabla.graph.node import Node
from nabla.ops.axes import one_axis
from nabla.ops.lift import born
from nabla.primitives.indexing import index
from nabla.primitives.joining import concat, cut, side_by_side
from nabla.primitives.shape import cast, flip, move_axis, reshape
from nabla.transforms.trace import output_node, realize_free, want_callable
from nabla.transforms.tracing import leaves_of


def associative_scan(fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """The partial results e0, fn(e0, e1), fn(fn(e0, e1), e2), ... along an axis, by about 2 log2(n) calls of fn on many at once.

    Args:
        fn: associative: fn(fn(a, b), c) = fn(a, fn(b, c)). It takes two pytrees like `elems`, of any one length along the axis, and
            returns one of the same shapes and dtypes: element by element of that axis.
        elems: a pytree of arrays with one length along the axis in common.
        reverse: from the last to the first: the first result is that of all elements.
        axis: the axis along which to go, of every array.

    After R. E. Ladner and M. J. Fischer, "Parallel prefix computation", Journal of the ACM 27 (1980). It is made of slices and of
    what fn does, so it has derivatives of any order. As fn goes over the elements in another order than a loop would, results may
    differ from those of a loop by rounding.

    >>> import nabla as nb
    >>> nb.associative_scan(nb.multiply, nb.array([1.0, 2.0, 3.0, 4.0])).tolist()
    [1.0, 2.0, 6.0, 24.0]
    >>> step = lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1])  # x -> a x + b, one after the other
    >>> nb.associative_scan(step, (nb.array([2.0, 3.0]), nb.array([1.0, 1.0])))[1].tolist()
    [1.0, 4.0]
    """
    want_callable("associative_scan", fn)
    given, structure = leaves_of(elems, "associative_scan", "elems")
    if not given:
        raise ArgumentError("associative_scan: elems has no arrays")
    nodes = [cast(x, dtypes.strong(x.dtype)) for x in given]
    axes = [one_axis("associative_scan", axis, x.ndim) for x in nodes]
    lengths = {x.shape[a] for x, a in zip(nodes, axes)}
    if len(lengths) > 1:
        shown = ", ".join([str(x.shape) for x in nodes])
        raise ShapeError(f"associative_scan: the arrays need one length along axis {axis} in common; they have shapes {shown}")

    def combine(xs: Sequence[Node], ys: Sequence[Node]) -> list[Node]:
        first, second = [tree.unflatten(structure, [born(move_axis(x, 0, a)) for x, a in zip(part, axes)]) for part in (xs, ys)]
        values, found = tree.flatten(fn(second, first) if reverse else fn(first, second))
        if found != structure:
            raise TreeError(f"associative_scan: fn must keep the structure:\n  given:    {structure}\n  returned: {found}")
        outs = []
        for x, value, a, place in zip(xs, values, axes, tree.places(structure, "output")):
            out = move_axis(output_node(value, place, "associative_scan"), a, 0)
            if out.shape != x.shape or dtypes.strong(out.dtype) is not x.dtype:
                raise ShapeError(
                    f"associative_scan: {place} of fn is {dtypes.strong(out.dtype)}{list(out.shape)} for {x.dtype}{list(x.shape)}; "
                    f"fn must keep shapes and dtypes"
                )
            outs.append(cast(out, x.dtype))
        return outs

    fronts = [move_axis(x, a, 0) for x, a in zip(nodes, axes)]
    if reverse:
        fronts = [flip(x, axes=(0,)) for x in fronts]
    results = _partial(combine, fronts)
    if reverse:
        results = [flip(x, axes=(0,)) for x in results]
    ends = [move_axis(x, 0, a) for x, a in zip(results, axes)]
    realize_free(ends)
    return tree.unflatten(structure, [born(x) for x in ends])


def _partial(combine: Callable[[Sequence[Node], Sequence[Node]], list[Node]], xs: list[Node]) -> list[Node]:
    """Partial results along axis 0: those of pairs, and from these those between."""
    n = xs[0].shape[0]
    if n < 2:
        return xs
    pairs = _partial(combine, combine([_every_second(x, 0, n - 1) for x in xs], [_every_second(x, 1, n) for x in xs]))
    if n == 2:
        return [concat(cut(x, 0, 0, 1), y, axis=0) for x, y in zip(xs, pairs)]
    between = combine([cut(y, 0, 0, (n - 1) // 2) for y in pairs], [_every_second(x, 2, n) for x in xs])
    return [_woven(concat(cut(x, 0, 0, 1), y, axis=0), z) for x, y, z in zip(xs, between, pairs)]


def _every_second(x: Node, start: int, stop: int) -> Node:
    return index(x, spec=((start, (stop - start + 1) // 2, 2), *[(0, n, 1) for n in x.shape[1:]]))


def _woven(even: Node, odd: Node) -> Node:
    """even[0], odd[0], even[1], ...; `even` may have one more."""
    n, rest = odd.shape[0], even.shape[1:]
    woven = reshape(side_by_side([cut(even, 0, 0, n), odd], 1), shape=(2 * n, *rest))
    return concat(woven, cut(even, 0, n, n + 1), axis=0) if even.shape[0] > n else woven
