"""Many directions at once: one sweep on a lane of directions, batched over a basis.

A Jacobian is the sweep of one tangent (or cotangent), with a placeholder in its place, rewritten by the batch sweep for all
basis directions together.
"""

from __future__ import annotations

from typing import Callable, Sequence

import numpy as np

from nabla import dtypes
from nabla.autodiff.batching import batch
from nabla.autodiff.forward import forward
from nabla.autodiff.reverse import reverse
from nabla.graph.node import Node
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.base import constant, zeros
from nabla.primitives.joining import concat, cut
from nabla.primitives.shape import broadcast, cast, move_axis, reshape
from nabla.primitives.structure import leave, placeholder
from nabla.transforms.trace import Trace, realize_free

Sweep = Callable[[list[Node]], Sequence[Node | None]]


def along_basis(
    trace: Trace, sweep: Sweep, over: Sequence[Node], chunk_size: int | None, factor: float | complex = 1.0
) -> list[Node | None]:
    """Apply a linear sweep to every basis direction of the concatenated `over`.

    sweep: takes one direction per node of `over`, gives nodes (or None for zero). Returns each with the axis of
    directions first. factor: multiplies the basis; 1j gives the imaginary directions of complex nodes. trace: the call
    whose variables the sweep is about; a chunk is realised as if it had ended, so that the next one finds room.
    """
    token = Token("sweep over directions", placeholder=True)
    lane = Tokens((token,))
    stand_ins = [placeholder(x.shape, x.dtype, lane, "a direction") for x in over]
    try:
        results = sweep(stand_ins)
        live = [r for r in results if r is not None]
        total = sum(x.size for x in over)
        step = total if chunk_size is None else chunk_size
        parts: list[list[Node]] = []
        for start in range(0, total, step) if total else [0]:
            stop = min(start + step, total)
            basis = {s: _basis(x, offset, start, stop, factor) for s, x, offset in zip(stand_ins, over, _offsets(over))}
            batched = batch(live, basis, {}, {token}, stop - start)
            part = [node if is_mapped else broadcast(node, shape=(stop - start, *node.shape)) for node, is_mapped in batched]
            if chunk_size is not None:
                part = [leave(node, trace.token) for node in part]
                realize_free(part)
            parts.append(part)
    finally:
        token.kill()
    joined = iter([column[0] if len(column) == 1 else concat(*column, axis=0) for column in zip(*parts)])
    return [None if r is None else next(joined) for r in results]


def _offsets(over: Sequence[Node]) -> list[int]:
    offsets, total = [], 0
    for x in over:
        offsets.append(total)
        total += x.size
    return offsets


def _basis(x: Node, offset: int, start: int, stop: int, factor: float | complex) -> Node:
    """Rows start to stop of the unit matrix, restricted to the columns that belong to x, in the shape of x."""
    dtype = dtypes.strong(x.dtype)
    rows = np.zeros((stop - start, x.size), dtype)
    first, last = max(start, offset), min(stop, offset + x.size)
    if first < last and (dtype.kind == "c" or not isinstance(factor, complex)):  # real ones have no imaginary direction
        rows[range(first - start, last - start), range(first - offset, last - offset)] = dtype.type(factor)
    return constant(rows.reshape(stop - start, *x.shape), x.dtype)


def forward_columns(
    trace: Trace, outputs: Sequence[Node], chunk_size: int | None, factor: float | complex = 1.0
) -> list[list[Node]]:
    """Derivatives by forward sweeps: per output, per variable, of shape (*out_shape, *in_shape)."""
    variables = trace.variables
    targets = {trace.token}

    def sweep(directions: list[Node]) -> list[Node | None]:
        return forward(outputs, dict(zip(variables, directions)), targets)

    columns = along_basis(trace, sweep, variables, chunk_size, factor)
    return [_split(out, column, variables) for out, column in zip(outputs, columns)]


def _split(out: Node, column: Node | None, variables: Sequence[Node]) -> list[Node]:
    """One output's derivatives along all directions, cut by variable."""
    if column is None:
        return [zeros((*out.shape, *v.shape), out.dtype) for v in variables]
    last = move_axis(column, 0, out.ndim)
    result = []
    for v, offset in zip(variables, _offsets(variables)):
        piece = last if v.size == last.shape[-1] else cut(last, out.ndim, offset, offset + v.size)
        result.append(reshape(piece, shape=(*out.shape, *v.shape)))
    return result


def reverse_rows(trace: Trace, outputs: Sequence[Node], chunk_size: int | None, factor: float | complex = 1.0) -> list[list[Node]]:
    """Derivatives by reverse sweeps: per output, per variable, of shape (*out_shape, *in_shape)."""
    variables = trace.variables
    targets = {trace.token}

    def sweep(directions: list[Node]) -> list[Node | None]:
        live = [(out, g) for out, g in zip(outputs, directions) if trace.token in out.tokens.members]
        found, _ = reverse([out for out, _ in live], [g for _, g in live], targets)
        return [found.get(v) for v in variables]

    rows = along_basis(trace, sweep, outputs, chunk_size, factor)
    result = []
    for out, offset in zip(outputs, _offsets(outputs)):
        per_variable = []
        for v, row in zip(variables, rows):
            shape = (*out.shape, *v.shape)
            if row is None:
                per_variable.append(zeros(shape, v.dtype))
            else:
                piece = row if out.size == row.shape[0] else cut(row, 0, offset, offset + out.size)
                per_variable.append(reshape(piece, shape=shape))
        result.append(per_variable)
    return result


def forward_gradient(trace: Trace, out: Node, holomorphic: bool) -> list[Node]:
    """The gradient of a scalar by forward sweeps, per leaf."""
    (columns,) = forward_jacobian(trace, [out], None, holomorphic)
    found = iter(columns)
    return [trace.zero(leaf) if leaf.variable is None else next(found) for leaf in trace.leaves]


def forward_jacobian(trace: Trace, outputs: Sequence[Node], chunk_size: int | None, holomorphic: bool) -> list[list[Node]]:
    """Per output and variable. For complex variables of a real output: df/dx - i df/dy, from two real directions."""
    columns = forward_columns(trace, outputs, chunk_size)
    if not holomorphic and any(v.dtype.kind == "c" for v in trace.variables):
        turned = forward_columns(trace, outputs, chunk_size, 1j)
        columns = [
            [cast(a, v.dtype) - cast(b, v.dtype) * 1j if v.dtype.kind == "c" else a for a, b, v in zip(xs, ys, trace.variables)]
            for xs, ys in zip(columns, turned)
        ]
    return _in_dtypes(trace, outputs, columns)


def reverse_jacobian(trace: Trace, outputs: Sequence[Node], chunk_size: int | None, holomorphic: bool) -> list[list[Node]]:
    """Per output and variable. For a complex output of real variables: d Re f + i d Im f, from two real pairings."""
    rows = reverse_rows(trace, outputs, chunk_size)
    if not holomorphic and any(out.dtype.kind == "c" for out in outputs):
        turned = reverse_rows(trace, outputs, chunk_size, -1j)
        rows = [
            [cast(a, out.dtype) + cast(b, out.dtype) * 1j if out.dtype.kind == "c" else a for a, b in zip(xs, ys)]
            for xs, ys, out in zip(rows, turned, outputs)
        ]
    return _in_dtypes(trace, outputs, rows)


def _in_dtypes(trace: Trace, outputs: Sequence[Node], blocks: Sequence[Sequence[Node]]) -> list[list[Node]]:
    """Each block in the dtype of its variable, in either mode; complex where the output is."""
    return [
        [cast(block, dtypes.to_complex(v.dtype) if out.dtype.kind == "c" else v.dtype) for block, v in zip(row, trace.variables)]
        for row, out in zip(blocks, outputs)
    ]
