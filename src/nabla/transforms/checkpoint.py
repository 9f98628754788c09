"""checkpoint: a part of a function whose inside is computed again backwards instead of being kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Sequence

import numpy as np

from nabla import tree
from nabla.engines.numpy.compile import ENGINE
from nabla.errors import ArgumentError, ArgumentTypeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, op
from nabla.primitives.call import call
from nabla.primitives.cost import bytes_of, operations
from nabla.primitives.kinds import General, Multilinear
from nabla.primitives.structure import named, output
from nabla.tensor import Tensor
from nabla.transforms.trace import decorator, want_callable, wraps
from nabla.transforms.tracing import Traced, closed, given

Policy = Callable[[str, tuple[int, ...], np.dtype], bool]


@dataclass(frozen=True)
class Keep:
    """Which of the values that a derivative reads are kept. What was derived is shared between equal policies."""

    policy: str | Policy
    names: tuple[str, ...] | None
    budget: int | None

    def __call__(self, read: Sequence[Node]) -> list[Node]:
        if self.names is not None:
            return [x for x in read if x.prim is named and x.params["name"] in self.names]
        if self.budget is not None:
            return _within(read, self.budget)
        if self.policy == "nothing":
            return []
        if self.policy == "everything":
            return list(read)
        if callable(self.policy):
            return [x for x in read if self.policy(_maker(x).prim.name, x.shape, x.dtype)]
        return [x for x in read if isinstance(_maker(x).prim, (General, Multilinear))]


def checkpoint(
    fun: Callable[..., Any] | None = None,
    *,
    policy: str | Policy = "nothing",
    names: Sequence[str] | None = None,
    memory_budget: int | None = None,
) -> Callable[..., Any]:
    """`fun`, with its inside computed again when a derivative needs it: less memory for more time.

    Args:
        fun: a function of arrays and pytrees; other arguments (numbers of Python, strings, None) are handed on as they are. Left
            out, `checkpoint` is a decorator. It is traced: values inside are out of reach, as under `jit`.
        policy: what is kept nevertheless. "nothing"; "products": results of contractions, convolutions, factorisations and the
            like, so that only what is elementwise is computed again; "everything"; or a function of the name of a primitive, the
            shape and the dtype of its result, that says whether to keep it.
        names: keep what `nb.checkpoint_name` gave one of these names, and nothing else.
        memory_budget: keep as much as fits into so many bytes, what costs most operations per byte first.

    Values and derivatives are those of `fun`, in every mode and to any order; checkpoints nest.

    >>> import nabla as nb
    >>> layer = nb.checkpoint(lambda w, x: nb.tanh(w @ x))
    >>> nb.grad(lambda w: layer(w, nb.ones(2)).sum())(nb.zeros((2, 2))).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    if fun is None:
        return decorator(checkpoint, policy=policy, names=names, memory_budget=memory_budget)
    want_callable("checkpoint", fun)
    keep = Keep(_want_policy(policy), _want_names(names), _want_budget(memory_budget))
    if sum([policy != "nothing", names is not None, memory_budget is not None]) > 1:
        raise ArgumentError("checkpoint: give one of policy, names and memory_budget: each says what is kept")

    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        places = [i for i, x in enumerate(leaves) if isinstance(x, (Tensor, np.ndarray, np.generic))]
        nodes = [as_node(leaves[i]) for i in places]

        def run(*opened: Any) -> Any:
            for i, x in zip(places, opened):
                leaves[i] = x
            again, named_again = tree.unflatten(structure, leaves)
            return fun(*again, **named_again)

        paths = tree.paths(structure, "arguments")
        traced = Traced("checkpoint", run, [(paths[i], tree.LEAF, [node]) for i, node in zip(places, nodes)])
        (graph,), captured = closed(traced)
        return given(call(graph, [*captured, *nodes], ENGINE, keep), traced.structure)

    return wraps(fun, checkpointed)


@op
def checkpoint_name(x: ArrayLike, name: str) -> Tensor:
    """`x`, under a name that `nb.checkpoint(names=...)` may keep it by. The identity otherwise.

    >>> import nabla as nb
    >>> f = nb.checkpoint(lambda x: nb.sin(nb.checkpoint_name(nb.exp(x), "exponential")), names=["exponential"])
    >>> nb.grad(f)(0.0).item() == nb.cos(1.0).item()
    True
    """
    if not isinstance(name, str):
        raise ArgumentTypeError(f"checkpoint_name: a name is a string; got {name!r}")
    return named(as_node(x), name=name)  # type: ignore[return-value]


def _maker(x: Node) -> Node:
    return x.inputs[0] if x.prim is output else x


def _within(read: Sequence[Node], budget: int) -> list[Node]:
    """What costs most operations per byte, as long as it fits."""
    left = budget
    kept = set()
    for x in sorted(read, key=lambda x: operations(_maker(x)) / max(bytes_of(x), 1), reverse=True):
        if bytes_of(x) <= left:
            left -= bytes_of(x)
            kept.add(x)
    return [x for x in read if x in kept]


def _want_policy(policy: Any) -> str | Policy:
    if not callable(policy) and policy not in ("nothing", "products", "everything"):
        raise ArgumentError(f"checkpoint: policy is 'nothing', 'products', 'everything' or a function; got {policy!r}")
    return policy


def _want_names(names: Any) -> tuple[str, ...] | None:
    if names is None:
        return None
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ArgumentTypeError(f"checkpoint: names is a sequence of strings; got {names!r}")
    return tuple(names)


def _want_budget(budget: Any) -> int | None:
    if budget is not None and (not isinstance(budget, (int, np.integer)) or isinstance(budget, bool) or budget < 0):
        raise ArgumentError(f"checkpoint: memory_budget is a number of bytes; got {budget!r}")
    return None if budget is None else int(budget)
