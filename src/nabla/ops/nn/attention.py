"""Attention: means of values, weighted by how well their keys fit a query."""

from __future__ import annotations

from math import sqrt as root
from typing import TYPE_CHECKING

import numpy as np

from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.contraction import matmul
from nabla.ops.lift import ArrayLike, as_node, inexact, op, together, want_real
from nabla.primitives.base import constant, scalar, zeros
from nabla.primitives.formulas import logical_and, select
from nabla.primitives.shape import swap_last
from nabla.primitives.softmax import softmax

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def scaled_dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    /,
    attn_mask: ArrayLike | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale * query @ key.T + attn_mask) @ value over the last two axes; scale is 1 / sqrt(features) if not said.

    query: (..., queries, features), key: (..., keys, features), value: (..., keys, n). The result: (..., queries, n). What stands
    before the last two axes broadcasts; heads are one of these axes.

    attn_mask broadcasts to (..., queries, keys): booleans say which keys a query sees, numbers are added. is_causal: query i sees
    the keys up to i; it goes along with a mask of booleans. A query that sees no key gives zeros. Source: Vaswani et al.,
    "Attention is all you need" (2017). Raises ShapeError where shapes do not fit, ArgumentError for is_causal with numbers added.

    >>> nb.nn.scaled_dot_product_attention([[1.0]], [[2.0], [2.0]], [[0.0], [4.0]]).tolist()
    [[2.0]]
    """
    q, k, v = [inexact(x) for x in together((query, key, value))]
    want_real("scaled_dot_product_attention", q)
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            "scaled_dot_product_attention: query, key and value have the shapes (..., queries, features), (..., keys, features) "
            f"and (..., keys, n); got {q.shape}, {k.shape} and {v.shape}"
        )
    factor = 1 / root(q.shape[-1] or 1) if scale is None else scale
    scores: Node = matmul(q * factor, swap_last(k))  # type: ignore[assignment]
    seen = constant(np.tri(q.shape[-2], k.shape[-2], dtype=bool)) if is_causal else None
    if attn_mask is not None:
        mask = as_node(attn_mask)
        if mask.dtype.kind == "b":
            seen = mask if seen is None else logical_and(seen, mask)
        elif is_causal:
            raise ArgumentError(
                "scaled_dot_product_attention: is_causal goes along with a mask of booleans, not with numbers to add"
            )
        else:
            scores = scores + mask
    if seen is not None:
        scores = select(seen, scores, scalar(-np.inf, scores.dtype))
    weights = softmax(scores, axes=(scores.ndim - 1,))
    if seen is not None:  # of a row of nothing softmax gives equal parts
        weights = select(seen, weights, zeros((), weights.dtype))
    return matmul(weights, v)
