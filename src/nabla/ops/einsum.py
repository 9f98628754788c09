"""Sums of products by named axes: a plan of primitive calls, made once for each pattern and set of shapes.

An axis is named by a *label*: a letter, an integer, or for the axes under an ellipsis a pair ("...", position from
the right). A label that stands in an input but not in the output is summed over. `contracted` is what matmul and
vecdot are made of.
"""

from __future__ import annotations

import operator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

import numpy as np

from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError
from nabla.graph.node import Node, runtime
from nabla.ops.diagonals import diagonal
from nabla.ops.lift import ArrayLike, op, together
from nabla.primitives.contraction import dot_general
from nabla.primitives.shape import reduce_sum, reshape, transpose

if TYPE_CHECKING:
    from nabla.tensor import Tensor

Label = Any
Labels = tuple[Label, ...]
Shapes = tuple[tuple[int, ...], ...]
Step = tuple[Callable[..., Any], tuple[int, ...]]
"""A function, and which of the values so far it takes; its result is the next value."""


def contracted(inputs: Sequence[Node], labels: tuple[Labels, ...], out: Labels) -> Node:
    """The sum of products of `inputs`, which have one dtype, over the labels that `out` does not name."""
    values = list(inputs)
    for function, positions in _plan(labels, out, tuple([x.shape for x in inputs])):
        values.append(function(*[values[i] for i in positions]))
    return values[-1]


class _Planner:
    """Values by number, each with its labels and shape; the steps that make them."""

    def __init__(self, labels: tuple[Labels, ...], shapes: Shapes) -> None:
        self.labels = list(labels)
        self.steps: list[Step] = []
        self.sizes: dict[Label, int] = {}
        for names, shape in zip(labels, shapes):
            for label, n in zip(names, shape):
                old = self.sizes.setdefault(label, n)
                if old == 1:
                    self.sizes[label] = n
                elif n not in (1, old):
                    raise ShapeError(_mismatch(label, labels, shapes))
        self.shapes = list(shapes)

    def add(self, function: Callable[..., Any], positions: tuple[int, ...], labels: Labels, shape: tuple[int, ...]) -> int:
        self.steps.append((function, positions))
        self.labels.append(labels)
        self.shapes.append(shape)
        return len(self.labels) - 1

    def clean(self, i: int) -> int:
        """Repeated labels to a diagonal; axes of length 1 that are broadcast against another input removed."""
        labels, shape = self.labels[i], self.shapes[i]
        for label in labels:
            while labels.count(label) > 1:
                first = labels.index(label)
                second = labels.index(label, first + 1)
                if shape[first] != shape[second]:
                    raise ShapeError(
                        f"index {label!r} stands for a diagonal, but the axes it names have lengths "
                        f"{shape[first]} and {shape[second]} (operand {i}, shape {shape})"
                    )
                kept = [k for k in range(len(labels)) if k not in (first, second)]
                labels, shape = (*[labels[k] for k in kept], label), (*[shape[k] for k in kept], shape[first])
                i = self.add(partial(diagonal, axis1=first, axis2=second), (i,), labels, shape)
        kept = [k for k, label in enumerate(labels) if shape[k] == self.sizes[label]]
        if len(kept) < len(labels):
            shape = tuple([shape[k] for k in kept])
            i = self.add(partial(reshape, shape=shape), (i,), tuple([labels[k] for k in kept]), shape)
        return i

    def sum_out(self, i: int, keep: Iterable[Label]) -> int:
        """Sum over the labels that nobody needs any more."""
        labels, shape = self.labels[i], self.shapes[i]
        axes = tuple([k for k, label in enumerate(labels) if label not in keep])
        if not axes:
            return i
        kept = [k for k in range(len(labels)) if k not in axes]
        names, rest = tuple([labels[k] for k in kept]), tuple([shape[k] for k in kept])
        return self.add(partial(reduce_sum, axes=axes), (i,), names, rest)

    def multiply(self, i: int, j: int, keep: set[Label]) -> int:
        """The product of two values, summed over what both have and nobody else needs."""
        i, j = self.sum_out(i, keep | set(self.labels[j])), self.sum_out(j, keep | set(self.labels[i]))
        xl, yl = self.labels[i], self.labels[j]
        shared = [label for label in xl if label in yl]
        batch = tuple([label for label in shared if label in keep])
        summed = tuple([label for label in shared if label not in keep])
        labels = (
            *batch,
            *[label for label in xl if label not in shared],
            *[label for label in yl if label not in shared],
        )
        product = partial(
            dot_general,
            contract=(tuple(map(xl.index, summed)), tuple(map(yl.index, summed))),
            batch=(tuple(map(xl.index, batch)), tuple(map(yl.index, batch))),
        )
        return self.add(product, (i, j), labels, tuple([self.sizes[label] for label in labels]))


@lru_cache(maxsize=1024)
def _plan(labels: tuple[Labels, ...], out: Labels, shapes: Shapes) -> tuple[Step, ...]:
    planner = _Planner(labels, shapes)
    live = [planner.clean(i) for i in range(len(labels))]
    for group in _order(planner, live, out):
        taken = [live[k] for k in group]
        live = [i for k, i in enumerate(live) if k not in group]
        for n in range(1, len(taken)):
            needed = set(out).union(*[planner.labels[i] for i in [*live, *taken[n + 1 :]]])
            taken[n] = planner.multiply(taken[n - 1], taken[n], needed)
        live.append(taken[-1])
    last = planner.sum_out(live[0], out)
    if planner.labels[last] != out:
        perm = tuple(map(planner.labels[last].index, out))
        planner.add(partial(transpose, perm=perm), (last,), out, planner.shapes[last])
    return tuple(planner.steps)


def _order(planner: _Planner, live: list[int], out: Labels) -> list[tuple[int, ...]]:
    """Which values to multiply, as positions in the list of those left; the product goes to its end."""
    if len(live) < 2:
        return []
    if len(live) == 2:
        return [(0, 1)]
    letters = {label: chr(ord("a") + k) if k < 26 else chr(ord("A") + k - 26) for k, label in enumerate(planner.sizes)}
    if len(letters) > 52:
        return [(0, 1), *[(0, len(live) - k) for k in range(2, len(live))]]
    terms = ["".join(letters[label] for label in planner.labels[i]) for i in live]
    text = ",".join(terms) + "->" + "".join(letters[label] for label in out)
    stand_ins = [np.broadcast_to(0.0, planner.shapes[i]) for i in live]
    path: list[Any] = np.einsum_path(text, *stand_ins, optimize="greedy")[0]
    return [tuple(group) for group in path[1:]]


def _mismatch(label: Label, labels: tuple[Labels, ...], shapes: Shapes) -> str:
    found = [
        f"{shape[names.index(label)]} in operand {i} of shape {shape}"
        for i, (names, shape) in enumerate(zip(labels, shapes))
        if label in names
    ]
    name = "an axis under the ellipsis" if isinstance(label, tuple) else f"index {label!r}"
    return f"{name} has different lengths: {', '.join(found)}"


# einsum itself: from the pattern to labels


@op
def einsum(subscripts: str | ArrayLike, /, *operands: ArrayLike, optimize: Any = True) -> Tensor:
    """The sum of products that `subscripts` describes: letters name axes, those not behind `->` are summed over.

    Without `->` the result has the letters that occur once, in alphabetical order. `...` stands for axes that are
    broadcast, a letter that is repeated in one operand for its diagonal. Also taken: einsum(x, [0, 1], y, [1, 2], [0,
    2]). The operands are brought to one dtype; of three or more, a cheap order of products is chosen from the shapes,
    whatever `optimize` asks for. Raises ShapeError where an index has two lengths and ArgumentError for a pattern that
    makes no sense.

    >>> nb.einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]]).tolist()
    [[11.0]]
    >>> nb.einsum("ii", [[1.0, 2.0], [3.0, 4.0]]).item()
    5.0
    """
    terms: Sequence[Sequence[Any]]
    if isinstance(subscripts, str):
        terms, out = _parse(subscripts)
    else:
        operands = (subscripts, *operands)
        out = _listed(operands[-1]) if len(operands) % 2 else None
        terms = [_listed(term) for term in operands[1::2]]
        operands = operands[: 2 * len(terms) : 2]
    if len(terms) != len(operands):
        raise ArgumentError(f"einsum: the subscripts describe {len(terms)} operands, but {len(operands)} were given")
    nodes = together(operands)
    labels, behind = _labels(terms, out, [x.shape for x in nodes])
    try:
        return contracted(nodes, labels, behind)
    except ShapeError as error:
        raise ShapeError(f"einsum: {error}") from None


def einsum_path(*operands: Any, optimize: Any = "greedy") -> tuple[list[Any], str]:
    """NumPy's plan of products for the arguments of `einsum`: which operands are multiplied first, and a table of the costs.

    It looks at shapes only. optimize: "greedy", "optimal", or what else NumPy takes. `einsum` makes a plan of its own.

    >>> nb.einsum_path("ij,jk,k->i", nb.ones((2, 3)), nb.ones((3, 4)), nb.ones(4))[0]
    ['einsum_path', (1, 2), (0, 1)]
    """
    shaped = [np.broadcast_to(np.False_, x.shape) if isinstance(x, (Node, runtime.handle)) else x for x in operands]
    path, table = np.einsum_path(*shaped, optimize=optimize)
    return path, table


@lru_cache(maxsize=1024)
def _parse(subscripts: str) -> tuple[list[list[Any]], list[Any] | None]:
    """The terms before the arrow and the one behind it, if there is one: lists of letters and Ellipsis."""
    text = subscripts.replace(" ", "")
    before, arrow, behind = text.partition("->")
    return [_term(term, subscripts) for term in before.split(",")], _term(behind, subscripts) if arrow else None


def _term(term: str, subscripts: str) -> list[Any]:
    letters: list[Any] = []
    for i, part in enumerate(term.split("...")):
        letters += [Ellipsis, *part] if i else part
    if letters.count(Ellipsis) > 1 or not all(x is Ellipsis or (x.isascii() and x.isalpha()) for x in letters):
        raise ArgumentError(
            f"einsum: cannot read {term!r} in {subscripts!r}; write letters for axes, at most one '...' in each term, "
            f"commas between operands and one '->' before the result, as in 'ij,jk->ik'"
        )
    return letters


def _listed(term: Any) -> list[Any]:
    if not isinstance(term, (list, tuple)):
        raise ArgumentTypeError(f"einsum: expected a string of subscripts, or a list of integers behind each operand; got {term!r}")
    return [x if x is Ellipsis else operator.index(x) for x in term]


def _labels(
    terms: Sequence[Sequence[Any]], out: Sequence[Any] | None, shapes: Sequence[tuple[int, ...]]
) -> tuple[tuple[Labels, ...], Labels]:
    """The label of each axis of each operand, and of each axis of the result."""
    labels = tuple([_of_axes(i, term, shape) for i, (term, shape) in enumerate(zip(terms, shapes))])
    hidden = max([sum(isinstance(label, tuple) for label in names) for names in labels], default=0)
    ellipsis = [("...", k) for k in range(hidden, 0, -1)]
    if out is None:
        every = [x for term in terms for x in term if x is not Ellipsis]
        return labels, (*ellipsis, *sorted(x for x in set(every) if every.count(x) == 1))
    behind: list[Label] = []
    for x in out:
        behind += ellipsis if x is Ellipsis else [x]
    known = {label for names in labels for label in names}
    for label in behind:
        if label not in known:
            raise ArgumentError(f"einsum: index {label!r} of the result does not occur in any operand")
        if behind.count(label) > 1:
            raise ArgumentError(f"einsum: index {label!r} stands twice in the result; each may stand there once")
    if hidden and Ellipsis not in out:
        raise ArgumentError("einsum: the operands have axes under '...', so the result needs a '...' too")
    return labels, tuple(behind)


def _of_axes(i: int, term: Sequence[Any], shape: tuple[int, ...]) -> Labels:
    named = [x for x in term if x is not Ellipsis]
    hidden = len(shape) - len(named)
    if hidden < 0 or (hidden and Ellipsis not in term):
        written = "".join("..." if x is Ellipsis else str(x) for x in term)
        raise ShapeError(f"einsum: {written!r} names {len(named)} axes, but operand {i} has shape {shape}")
    where = list(term).index(Ellipsis) if Ellipsis in term else 0
    return (*term[:where], *[("...", k) for k in range(hidden, 0, -1)], *term[where + (Ellipsis in term) :])
