"""Pytrees as vectors: for optimisers, solvers and samplers that know nothing but vectors."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Callable

from nabla import tree
from nabla.errors import ShapeError
from nabla.graph.node import is_scalar
from nabla.ops.creation import asarray, astype, zeros
from nabla.ops.data_types import result_type
from nabla.ops.joining import concatenate
from nabla.ops.lift import ArrayLike
from nabla.ops.shape import reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def ravel_pytree(pytree: Any) -> tuple[Tensor, Callable[[ArrayLike], Any]]:
    """All numbers of a pytree in one vector, and the function that makes such a pytree of such a vector.

    The vector has the dtype that holds all leaves, numbers of Python being weak; the function gives each array among them its
    shape and dtype back, and raises ShapeError for a vector of another length. Both are differentiable.

    >>> import nabla as nb
    >>> vector, unravel = nb.ravel_pytree({"w": nb.ones((2, 2)), "b": 3.0})
    >>> vector.tolist()
    [3.0, 1.0, 1.0, 1.0, 1.0]
    >>> unravel(vector * 2.0)["w"].tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    leaves, structure = tree.flatten(pytree)
    arrays = [asarray(leaf) for leaf in leaves]
    if not arrays:
        return zeros(0), lambda vector: tree.unflatten(structure, ())
    plain = [is_scalar(leaf) for leaf in leaves]
    dtype = result_type(*(arrays if all(plain) else [x if weak else a for x, a, weak in zip(leaves, arrays, plain)]))
    kinds = [dtype if weak else a.dtype for a, weak in zip(arrays, plain)]
    shapes = [a.shape for a in arrays]
    ends = list(accumulate(a.size for a in arrays))
    starts = [0, *ends[:-1]]

    def unravel(vector: ArrayLike) -> Any:
        whole = asarray(vector)
        if whole.shape != (ends[-1],):
            raise ShapeError(f"ravel_pytree: this pytree is made of a vector of shape ({ends[-1]},); got shape {whole.shape}")
        parts = [whole[start:end] for start, end in zip(starts, ends)]
        return tree.unflatten(structure, [reshape(astype(part, kind), shape) for part, kind, shape in zip(parts, kinds, shapes)])

    return concatenate([reshape(astype(a, dtype), (a.size,)) for a in arrays]), unravel
