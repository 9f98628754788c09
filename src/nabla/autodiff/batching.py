"""The batch sweep (vmap): forward over the graph, rewriting each node that depends on a mapped input.

A mapped node has its batch axis first. Rules of primitives are written for one lane; batching is done here and in the batching
rules of the records, nowhere else.
"""

from __future__ import annotations

from typing import AbstractSet, Mapping, Sequence

from nabla.graph.node import Node
from nabla.graph.tokens import EMPTY, Token
from nabla.graph.walk import last_uses, swept
from nabla.primitives.structure import within


def batch(
    outputs: Sequence[Node], mapped: Mapping[Node, Node], unmapped: Mapping[Node, Node], targets: AbstractSet[Token], size: int
) -> list[tuple[Node, bool]]:
    """Each output in batched form, and whether it is mapped.

    mapped: placeholder -> node with the batch axis first; unmapped: placeholder -> node that is the same for every lane.
    """
    done: dict[Node, tuple[Node, bool]] = {old: (new, True) for old, new in mapped.items()}
    done.update((old, (new, False)) for old, new in unmapped.items())
    order = swept(outputs, targets)
    finished = last_uses(order, outputs)
    for node in order:
        if node in done:
            continue
        inputs: list[Node] = []
        flags: list[bool] = []
        for x in node.inputs:
            new, flag = done.get(x, (x, False))
            inputs.append(new)
            flags.append(flag)
        if any(flags):
            new, flag = node.prim.batch(node, inputs, flags, size)
        else:
            new, flag = node.prim.rebuild(node, inputs), False
        if type(new) is tuple:  # the outputs of a node that has several
            done[node] = (tuple([within(part, node.tokens) for part in new]), flag)
        else:
            done[node] = (new if new.tokens is EMPTY else within(new, node.tokens), flag)
        for x in finished.get(node, ()):
            done.pop(x, None)
    return [done.get(node, (node, False)) for node in outputs]
