"""checkpoint: a part of a function whose inside is computed again backwards instead of being kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

from nabla.graph.node import Node
from nabla.primitives.structure import named

PRODUCTS = frozenset(
    ["matmul", "dot_general", "convolve", "conv", "solve", "triangular_solve", "cholesky", "eigh", "svd", "qr", "lu", "inv"]
)


@dataclass(frozen=True)
class Keep:
    """Which of the values that a derivative reads are kept. Equal policies share what was derived with them."""

    policy: Any
    names: tuple[str, ...]
    budget: int | None

    def __call__(self, read: Sequence[Node]) -> list[Node]:
        policy = self.policy
        if self.names:
            return [x for x in read if x.prim is named and x.params["name"] in self.names]
        if self.budget is not None:
            return _within(read, self.budget)
        if policy == "nothing":
            return []
        if policy == "everything":
            return list(read)
        if policy == "products":
            return [x for x in read if _maker(x).prim.name in PRODUCTS]
        return [x for x in read if policy(_maker(x).prim.name, x.shape, x.dtype)]
