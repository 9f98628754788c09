"""shard_map: a function of the part of each array that one device of a mesh has, run on all of them.

It is a vmap for each axis of the mesh, over the parts, that is laid out along that axis; so derivatives in both modes, nesting and
collectives are those of vmap, and XLA's partitioner makes of the collectives what the devices say to each other.
"""

from __future__ import annotations

from math import prod
from typing import Any, Callable, Sequence

from nabla import tree
from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError, TreeError
from nabla.graph.node import Node
from nabla.ops.devices import with_sharding_constraint
from nabla.primitives.call import is_inlined
from nabla.primitives.placement import Mesh, PartitionSpec, Sharding, names_of
from nabla.primitives.shape import reshape, transpose
from nabla.tensor import Tensor
from nabla.transforms.trace import decorator, node_at, want_callable, wraps
from nabla.transforms.vmap import vmap


def shard_map(fn: Callable[..., Any] | None = None, *, mesh: Mesh, in_specs: Any, out_specs: Any) -> Callable[..., Any]:
    """A function of the parts that single devices hold made a function of whole arrays.

    Args:
        fn: a function of arrays or pytrees of arrays: of the parts. Left out, `shard_map` is a decorator.
        mesh: whose axes are named axes inside, for psum, all_gather, ppermute, axis_index and their like.
        in_specs: an nb.PartitionSpec for each argument, or a tuple of them, each for an argument or a pytree prefix of it: along
            which axes of the mesh an axis of the array is cut into parts. What is not cut is the same for all devices.
        out_specs: likewise for what `fn` returns. Where it does not name an axis of the mesh, the output must be the same along
            that axis, as after a psum.

    It composes with every transform, and runs in memory as well as on the devices of the mesh: lay the arguments out with nb.shard.

    >>> import nabla as nb
    >>> mesh, P = nb.Mesh(1, "i"), nb.PartitionSpec
    >>> f = nb.shard_map(lambda x: nb.psum((x * x).sum(), "i"), mesh=mesh, in_specs=P("i"), out_specs=P())
    >>> f(nb.array([1.0, 2.0])).item()
    5.0
    """
    if fn is None:
        return decorator(shard_map, mesh=mesh, in_specs=in_specs, out_specs=out_specs)
    want_callable("shard_map", fn)
    if not isinstance(mesh, Mesh):
        raise ArgumentTypeError(f"shard_map: mesh is an nb.Mesh; got {mesh!r}")

    def mapped(*args: Any) -> Any:
        given = in_specs if isinstance(in_specs, (tuple, list)) else (in_specs,) * len(args)
        if len(given) != len(args):
            raise ArgumentError(
                f"shard_map: in_specs has {len(given)} entries, and the function was called with {len(args)} arguments"
            )
        leaves, structure = tree.flatten(args)
        layouts = _layouts(mesh, tuple(given), args, "args")
        parts = []
        for x, place, layout in zip(leaves, tree.places(structure, "args"), layouts):
            node = node_at(x, place, "shard_map")
            layout.check(f"shard_map: {place}", node.shape)
            parts.append(Tensor(_cut(node, layout)))
        returned: list[Any] = [None, []]
        out_axes: dict[str, list[int | None]] = {name: [] for name in mesh.axis_names}

        def on_parts(*blocks: Tensor) -> list[Any]:
            found = fn(*tree.unflatten(structure, blocks))
            outs, returned[0] = tree.flatten(found)
            returned[1] = _layouts(mesh, out_specs, found, "output")
            for name, axes in out_axes.items():  # which the vmaps read when the function has returned
                axes[:] = [0 if name in layout.spec.names() else None for layout in returned[1]]
            return outs

        f: Callable[..., Any] = on_parts
        for name in reversed(mesh.axis_names):
            in_axes = [0 if name in layout.spec.names() else None for layout in layouts]
            f = vmap(f, in_axes, out_axes[name], mesh.length(name), name, spmd_axis_name=name)
        outs = f(*parts)
        return tree.unflatten(returned[0], [Tensor(_joined(x._node, layout)) for x, layout in zip(outs, returned[1])])

    return wraps(fn, mapped)


def _layouts(mesh: Mesh, specs: Any, x: Any, path: str) -> list[Sharding]:
    """The layout of each leaf of `x`. specs: a pytree prefix of it, whose leaves are PartitionSpecs."""
    if isinstance(specs, PartitionSpec):
        return [Sharding(mesh, specs)] * len(tree.leaves(x))
    level, mine = tree.children(x), tree.children(specs)
    if level is None or mine is None or len(level[0]) != len(mine[0]) or type(specs) is not type(x):
        raise TreeError(f"shard_map: {path} is a {type(x).__name__}; give an nb.PartitionSpec or a tree like it; got {specs}")
    paths = tree.child_paths(x, path)
    return [layout for part, spec, p in zip(level[0], mine[0], paths) for layout in _layouts(mesh, spec, part, p)]


def _cut(x: Node, layout: Sharding) -> Node:
    """The parts of an array: axes in front that count them, one for each axis of the mesh that it is cut along, in their order."""
    mesh, entries = layout.mesh, layout.spec.entries
    shape: list[int] = []
    where: dict[str, int] = {}
    rest = []
    for axis, n in enumerate(x.shape):
        names = names_of(entries[axis]) if axis < len(entries) else ()
        for name in names:
            where[name] = len(shape)
            shape.append(mesh.length(name))
        rest.append(len(shape))
        shape.append(n // prod([mesh.length(name) for name in names]))
    front = [name for name in mesh.axis_names if name in where]
    out = transpose(reshape(x, shape=tuple(shape)), perm=(*[where[name] for name in front], *rest))
    return _laid_out(out, mesh, front)


def _joined(x: Node, layout: Sharding) -> Node:
    """The array of which these are the parts."""
    mesh, entries = layout.mesh, layout.spec.entries
    front = [name for name in mesh.axis_names if name in layout.spec.names()]
    if x.ndim - len(front) < len(entries):
        raise ShapeError(f"shard_map: {layout.spec} has more entries than an output of shape {x.shape[len(front) :]} has axes")
    x = _laid_out(x, mesh, front)
    perm: list[int] = []
    shape = []
    for axis, n in enumerate(x.shape[len(front) :]):
        names = names_of(entries[axis]) if axis < len(entries) else ()
        perm += [*[front.index(name) for name in names], len(front) + axis]
        shape.append(n * prod([mesh.length(name) for name in names]))
    return reshape(transpose(x, perm=tuple(perm)), shape=tuple(shape))


def _laid_out(x: Node, mesh: Mesh, front: Sequence[str]) -> Node:
    """Each part with its device, in a compiled function."""
    return with_sharding_constraint(x, mesh, PartitionSpec(*front)) if is_inlined(x) else x
