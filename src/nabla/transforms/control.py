"""Control flow that is part of the graph: cond, switch, while_loop, fori_loop, scan, map.

The functions given are traced once, on stand-ins without values; what they read from outside becomes an input of the node. So a
branch or a step costs its trace, not its number, and the whole runs compiled, in every mode.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, Callable, Sequence

import numpy as np

from nabla import dtypes, tree
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, TreeError
from nabla.graph.node import Node
from nabla.ops.lift import as_node, born
from nabla.primitives import conditional, scan as scans, while_loop as whiles
from nabla.primitives.base import scalar
from nabla.primitives.elementwise import add
from nabla.primitives.formulas import less, not_equal
from nabla.primitives.joining import concat, cut
from nabla.primitives.shape import cast, reshape
from nabla.tensor import Tensor
from nabla.transforms.trace import realize_free, want_callable
from nabla.transforms.tracing import Traced, closed, given, leaves_of
from nabla.transforms.vmap import vmap

# cond, switch


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """`true_fun(*operands)` if `pred` holds, else `false_fun(*operands)`: only the one that is chosen runs.

    pred: one boolean or number, of shape (). The functions take the operands and may read what is around them; they return pytrees
    of the same structure, shapes and dtypes. Under vmap with a predicate that differs from lane to lane, both run and the results
    are selected; a while_loop inside takes no step in the lanes that are not its own.

    >>> import nabla as nb
    >>> f = lambda x: nb.cond(x > 0.0, nb.sqrt, lambda x: -x, x)
    >>> f(nb.array(4.0)).item(), nb.grad(f)(-2.0).item()
    (2.0, -1.0)
    """
    want_callable("cond", true_fun)
    want_callable("cond", false_fun)
    node = _choice("cond", pred)
    if node.dtype.kind not in "biu":
        node = not_equal(node, scalar(0, node.dtype))
    index = cast(cast(node, dtypes.bool_), dtypes.int64)
    return _switch("cond", index, (false_fun, true_fun), ("false_fun", "true_fun"), operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`branches[index](*operands)`: only that one runs. An index out of range is taken as the nearest one in it.

    index: one integer, of shape (). The branches return pytrees of the same structure, shapes and dtypes.

    >>> import nabla as nb
    >>> nb.switch(1, [nb.sin, nb.cos, nb.tan], 0.0).item()
    1.0
    """
    if not isinstance(branches, (list, tuple)) or not branches:
        raise ArgumentTypeError(f"switch: branches is a sequence of one or more functions; got {branches!r}")
    for branch in branches:
        want_callable("switch", branch)
    node = _choice("switch", index)
    if node.dtype.kind not in "iu":
        raise DTypeError(f"switch: index is one integer; it has dtype {node.dtype}")
    names = [f"branches[{i}]" for i in range(len(branches))]
    return _switch("switch", cast(node, dtypes.int64), tuple(branches), names, operands)


def _choice(what: str, x: Any) -> Node:
    node = as_node(x)
    if node.shape:
        raise ShapeError(
            f"{what}: what decides is one number, of shape (); it has shape {node.shape}. To choose for each element use nb.where."
        )
    return node


def _switch(what: str, index: Node, branches: Sequence[Callable[..., Any]], names: Sequence[str], operands: Sequence[Any]) -> Any:
    leaves, _ = leaves_of(tuple(operands), what, "operands")
    arguments = [(f"operands[{i}]", tree.structure(x), part) for i, (x, part) in enumerate(zip(operands, _parts(operands, leaves)))]
    traced = [Traced(what, branch, arguments) for branch in branches]
    structure = traced[0].structure
    for name, t in zip(names[1:], traced[1:]):
        if t.structure != structure:
            raise TreeError(
                f"{what}: {names[0]} and {name} return different structures:\n  {names[0]}: {structure}\n  {name}: {t.structure}"
            )
    columns = []
    for place, column in zip(tree.places(structure, "output"), zip(*[t.outputs for t in traced])):
        dtype = reduce(_common, [x.dtype for x in column])
        for name, x in zip(names, column):
            if x.shape != column[0].shape or not _becomes(x, dtype):
                raise ShapeError(
                    f"{what}: {place} of {names[0]} is {_shown(column[0])}, of {name} {_shown(x)}; branches must agree in shapes "
                    f"and dtypes"
                )
        columns.append([cast(x, dtype) for x in column])
    ends = [[column[i] for column in columns] for i in range(len(traced))]
    graphs, captured = closed(*traced, outputs=ends)
    return given(conditional.cond(index, graphs, [*captured, *leaves]), structure)


def _parts(operands: Sequence[Any], leaves: Sequence[Node]) -> list[Sequence[Node]]:
    parts, start = [], 0
    for x in operands:
        count = len(tree.leaves(x))
        parts.append(leaves[start : start + count])
        start += count
    return parts


def _common(a: np.dtype, b: np.dtype) -> np.dtype:
    """The dtype of two results that must agree: a weak one gives way."""
    return a if a is b or (dtypes.strong(a) is a and dtypes.strong(b) is b) else dtypes.promote(a, b)


def _becomes(x: Node, dtype: np.dtype) -> bool:
    """Whether x is of that dtype but for being weak."""
    return dtypes.strong(x.dtype) is dtypes.strong(dtype) or dtypes.strong(x.dtype) is not x.dtype


def _shown(x: Node) -> str:
    return f"{dtypes.strong(x.dtype)}{list(x.shape)}"


# loops


def _carried(
    what: str, carry: list[Node], structure: tree.TreeDef, trace: Callable[[list[Node]], tuple[Traced, Any]]
) -> tuple[list[Node], Traced, list[Node]]:
    """Trace a step until its carry comes out with the dtypes with which it went in, where numbers of Python take those of what they
    meet: the first carry, the trace, and the carry as it comes out. trace: also gives the carry as the step returned it."""
    while True:
        traced, returned = trace(carry)
        found = tree.structure(returned)
        if found != structure:
            traced.token.kill()
            raise TreeError(f"{what}: the carry must keep its structure:\n  given:    {structure}\n  returned: {found}")
        outs = traced.outputs[: len(carry)]
        wanted = [_common(x.dtype, out.dtype) for x, out in zip(carry, outs)]
        for x, out, dtype, place in zip(carry, outs, wanted, tree.places(structure, "carry")):
            if x.shape != out.shape or not _becomes(x, dtype) or not _becomes(out, dtype):
                traced.token.kill()
                raise ShapeError(
                    f"{what}: {place} goes in as {_shown(x)} and comes out as {_shown(out)}; it must keep its shape and dtype"
                )
        if all(x.dtype is dtype for x, dtype in zip(carry, wanted)):
            return carry, traced, [cast(out, dtype) for out, dtype in zip(outs, wanted)]
        traced.token.kill()
        carry = [cast(x, dtype) for x, dtype in zip(carry, wanted)]


def while_loop(cond_fun: Callable[..., Any], body_fun: Callable[..., Any], init_val: Any, *, max_steps: int | None = None) -> Any:
    """`val = init_val; while cond_fun(val): val = body_fun(val)`, and then val.

    Args:
        cond_fun: returns one boolean, of shape ().
        body_fun: returns a value of the same structure, shapes and dtypes as it is given.
        init_val: the first value, a pytree.
        max_steps: the loop stops after so many steps, whatever cond_fun says, and gives the value it has then. Reverse mode then
            keeps the value before each step, in arrays of max_steps rows, and computes nothing again: faster where that fits.

    The number of steps may depend on the values, and derivatives of any order and mode are those of the steps that were made.
    Without max_steps, reverse mode keeps a fixed number of checkpoints and computes between them again, so that its memory does
    not grow with the number of steps (primitives/checkpoints.py). Under vmap the loop runs until all lanes are done; those that
    are stand still.

    >>> import nabla as nb
    >>> f = lambda x: nb.while_loop(lambda v: v < 100.0, lambda v: v * x, x)
    >>> f(nb.array(3.0)).item(), nb.grad(f)(3.0).item()
    (243.0, 405.0)
    >>> nb.while_loop(lambda v: True, lambda v: v + 1, 0, max_steps=7).item()
    7
    """
    want_callable("while_loop", cond_fun)
    want_callable("while_loop", body_fun)
    most = None if max_steps is None else _count("while_loop", "max_steps", max_steps, 0)
    carry, structure = leaves_of(init_val, "while_loop", "init_val")

    def step(nodes: list[Node]) -> tuple[Traced, Any]:
        kept: list[Any] = []
        traced = Traced("while_loop", lambda v: _keep(kept, body_fun(v)), [("val", structure, nodes)])
        return traced, kept[0]

    carry, traced, outs = _carried("while_loop", carry, structure, step)
    test = Traced("while_loop", cond_fun, [("val", structure, carry)])
    if len(test.outputs) != 1 or test.outputs[0].shape or test.outputs[0].dtype.kind != "b":
        shown = ", ".join([_shown(x) for x in test.outputs]) or "nothing"
        test.token.kill()
        traced.token.kill()
        raise DTypeError(f"while_loop: cond_fun must return one boolean of shape (); it returned {shown}")
    (body,), of_body = closed(traced, outputs=[outs])
    (condition,), of_condition = closed(test)
    loop = whiles.Loop(condition, body, len(of_condition), len(of_body))
    return given(whiles.while_loop(loop, [*of_condition, *of_body, *carry], most), structure)


def _keep(kept: list[Any], value: Any) -> Any:
    kept.append(value)
    return value


def scan(
    f: Callable[..., Any], init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: int | bool = 1
) -> tuple[Any, Any]:
    """`f(carry, x) -> (carry, y)` along the leading axis of xs: the last carry, and the ys stacked.

    Args:
        init: the first carry, a pytree; each step returns one of the same structure, shapes and dtypes.
        xs: a pytree of arrays with one leading axis length in common, or None.
        length: the number of steps, needed where xs is None or has no leaves.
        reverse: from the last row to the first; ys stand where their xs stood.
        unroll: so many steps are written into one turn of the loop; True for all of them. What is left over stands behind the loop.

    The function is traced once, whatever the number of steps. Reverse mode stacks what it needs of each step; gradients cost about
    as much as those of the same steps written out.

    >>> import nabla as nb
    >>> total, sums = nb.scan(lambda c, x: (c + x, c + x), 0.0, nb.array([1.0, 2.0, 3.0]))
    >>> total.item(), sums.tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    want_callable("scan", f)
    carry, structure = leaves_of(init, "scan", "init")
    stacks, xs_structure = leaves_of(xs, "scan", "xs")
    steps = _length(stacks, xs_structure, length)
    together = max(steps, 1) if unroll is True else _count("scan", "unroll", unroll, 1)
    rows = [_row_like(x) for x in stacks]

    def step(nodes: list[Node]) -> tuple[Traced, Any]:
        kept: list[Any] = []

        def run(c: Any, x: Any) -> Any:
            result = f(c, x)
            if not isinstance(result, tuple) or len(result) != 2:
                raise ArgumentTypeError(f"scan: f must return a pair (carry, y); it returned a {type(result).__name__}")
            return _keep(kept, result)

        traced = Traced("scan", run, [("carry", structure, nodes), ("x", xs_structure, rows)])
        return traced, kept[0][0]

    carry, traced, outs = _carried("scan", carry, structure, step)
    ys_structure = traced.structure.children()[1]
    (body,), captured = closed(traced, outputs=[[*outs, *traced.outputs[len(carry) :]]])
    walk = scans.Walk(body, len(captured), len(carry), steps, bool(reverse))
    found = scans.scan(walk, [*captured, *carry, *stacks], together)
    realize_free(found)
    last = tree.unflatten(structure, [born(x) for x in found[: len(carry)]])
    return last, tree.unflatten(ys_structure, [born(x) for x in found[len(carry) :]])


def _row_like(x: Node) -> Any:
    return scans.Like(x.shape[1:], x.dtype)


def _length(stacks: Sequence[Node], structure: tree.TreeDef, length: int | None) -> int:
    found = None if length is None else _count("scan", "length", length, 0)
    for x, path in zip(stacks, tree.places(structure, "xs")):
        if not x.shape:
            raise ShapeError(f"scan: {path} has shape (), and so no axis to go along")
        if found is not None and x.shape[0] != found:
            raise ShapeError(f"scan: {path} has {x.shape[0]} rows, where {found} are wanted")
        found = x.shape[0]
    if found is None:
        raise ArgumentError("scan: without xs the number of steps is not known; give length=")
    return found


def _count(what: str, name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ArgumentTypeError(f"{what}: {name} is an int; got {value!r}")
    if value < least:
        raise ArgumentError(f"{what}: {name} is at least {least}; got {value}")
    return int(value)


def fori_loop(lower: Any, upper: Any, body_fun: Callable[..., Any], init_val: Any) -> Any:
    """`val = init_val; for i in range(lower, upper): val = body_fun(i, val)`, and then val.

    With bounds that are Python integers it is a scan, else a while_loop.

    >>> import nabla as nb
    >>> nb.fori_loop(1, 5, lambda i, val: val * i, 1).item()
    24
    """
    want_callable("fori_loop", body_fun)
    if all(isinstance(x, (int, np.integer)) for x in (lower, upper)):
        steps = max(int(upper) - int(lower), 0)
        numbers = as_node(np.arange(int(lower), int(lower) + steps))
        out, _ = scan(lambda val, i: (body_fun(i, val), None), init_val, born(numbers))
        return out
    a, b = as_node(lower), as_node(upper)
    if a.shape or b.shape or a.dtype.kind not in "iu" or b.dtype.kind not in "iu":
        raise DTypeError("fori_loop: lower and upper are integers, of shape ()")
    start, stop = cast(a, dtypes.int64), cast(b, dtypes.int64)

    def going(state: Any) -> Tensor:
        return Tensor(less(state[0]._node, state[1]._node))

    def step(state: Any) -> Any:
        i, end, val = state
        return Tensor(add(i._node, scalar(1, dtypes.int64))), end, body_fun(i, val)

    return while_loop(going, step, (born(start), born(stop), init_val))[2]


def map(f: Callable[..., Any], xs: Any, *, batch_size: int | None = None) -> Any:
    """`f` of each row of xs, one after the other, stacked: vmap in the memory of one example.

    batch_size: so many rows at a time, by vmap: faster, in the memory of so many examples.

    >>> import nabla as nb
    >>> nb.map(lambda x: x * x, nb.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 4.0, 9.0]
    """
    want_callable("map", f)
    if batch_size is None:
        return scan(lambda carry, x: (carry, f(x)), None, xs)[1]
    size = _count("map", "batch_size", batch_size, 1)
    stacks, structure = leaves_of(xs, "map", "xs")
    count, left = divmod(_length(stacks, structure, None), size)
    lanes = vmap(f)
    if not left and not count:
        return scan(lambda carry, x: (carry, f(x)), None, xs)[1]
    parts = []
    if count:
        rows = [reshape(cut(x, 0, 0, count * size), shape=(count, size, *x.shape[1:])) for x in stacks]
        chunks = tree.unflatten(structure, [born(x) for x in rows])
        ys = tree.map(as_node, map(lanes, chunks))
        parts.append(tree.map(lambda y: reshape(y, shape=(count * size, *y.shape[2:])), ys))
    if left:
        rest = tree.unflatten(structure, [born(cut(x, 0, count * size, x.shape[0])) for x in stacks])
        parts.append(tree.map(as_node, lanes(rest)))
    return tree.map(lambda *ys: born(ys[0] if len(ys) == 1 else concat(*ys, axis=0)), *parts)
