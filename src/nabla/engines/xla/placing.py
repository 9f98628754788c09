"""What the rest of the library asks about devices: their names, where a value lies, moving it, running a node on it.

Eager code on a device runs one compiled kernel for each node; kernels are kept by primitive, parameters, shapes and dtypes. What
lies in memory follows what lies on a device; two devices never mix by themselves.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Callable, Mapping

import numpy as np

from nabla.engines.numpy.table import KERNELS as IN_MEMORY
from nabla.engines.xla import devices
from nabla.engines.xla.compile import Program
from nabla.engines.xla.failures import reported
from nabla.engines.xla.kernel import is_installed, jax
from nabla.engines.xla.meshes import jax_mesh, jax_sharding, place_of, spread, want_one_place
from nabla.errors import EngineError
from nabla.graph.graph import Graph
from nabla.graph.node import NO_PARAMS, Node, runtime, set_value
from nabla.graph.tokens import EMPTY
from nabla.primitives.base import Primitive
from nabla.primitives.call import CALL
from nabla.primitives.custom import custom
from nabla.primitives.placement import MEMORY, Mesh, Place, Sharding, constrain, put
from nabla.primitives.structure import PLACEHOLDER, VARIABLE, detach, output

HANDING_ON = frozenset([put, VARIABLE, detach, output, custom, CALL])
"""Primitives whose kernels in NumPy's table do not compute: they hand on, move, or call what does."""

KEPT = 4096
"""Compiled kernels that are kept."""


class Placing:
    """The face of XLA's devices for those who must not know the engine; `runtime.devices` is the one there is."""

    def names(self) -> list[str]:
        """XLA's devices; none where it is not installed."""
        return list(devices.devices()) if is_installed() else []

    def full_name(self, name: str) -> str:
        """The name of a device with its number; an error says what there is."""
        devices.find(name)
        return name if ":" in name else f"{name}:0"

    def want_mesh(self, mesh: Mesh) -> None:
        """An error if there are not the devices for it."""
        jax_mesh(mesh)

    def place_of(self, value: Any) -> Place:
        """Where a value lies."""
        away = devices.away([value])
        return place_of(away[0]) if away else MEMORY

    def put(self, value: Any, place: Place) -> Any:
        """The value at that place."""
        if isinstance(place, Sharding):
            return spread(value, place)
        return self.get(value) if place == MEMORY else devices.put(value, devices.find(place))

    def assemble(self, value: Any, place: Sharding) -> Any:
        """A value over a mesh, of which this process has the part that its devices hold."""
        with reported(), jax.enable_x64(True):
            return jax.make_array_from_process_local_data(jax_sharding(place), np.asarray(self.get(value)))

    def get(self, value: Any) -> Any:
        """The value in memory."""
        return devices.get(value) if devices.away([value]) else value

    def wait(self, value: Any) -> None:
        """Return when the value is there."""
        for x in devices.away([value]):
            with reported():
                x.block_until_ready()

    def is_away(self, values: Any) -> bool:
        """Whether one of the values lies on a device."""
        return bool(devices.away(values))

    def goes_away(self, graph: Graph) -> bool:
        """Whether a graph puts something on a device, or has something there."""
        found: bool = graph.once("goes_away", lambda: _goes_away(graph))
        return found

    def want_memory(self, values: Any, engine: str) -> None:
        """An error if one of the values lies on a device."""
        for x in devices.away(values):
            raise EngineError(
                f"the engine {engine!r} computes in memory, and an input lies on {place_of(x)}: "
                "leave engine= out, or say x.to('cpu')"
            )

    def run(self, node: Node) -> bool:
        """Compute the value of a node that has inputs on a device; False where there are none, so that NumPy shall do it."""
        values = [x.value for x in node.inputs]
        away = devices.away(values)
        if not away:
            return False
        prim = node.prim
        if prim in HANDING_ON:
            set_value(node, IN_MEMORY[prim](*values, **node.params))
            return True
        platform = devices.platform_of(want_one_place(prim.name, away))
        kinds = tuple([(x.shape, x.dtype) for x in node.inputs])
        try:
            kernel = _kept(platform, prim, tuple(node.params.items()), kinds, node.shape, node.dtype)
        except TypeError:  # a parameter has no hash
            kernel = _kernel(platform, prim, node.params, kinds, node.shape, node.dtype)
        with reported(), jax.enable_x64(True):
            value = kernel(*values)
        set_value(node, value)
        return True


def _goes_away(graph: Graph) -> bool:
    if any(x.prim is constrain or (x.prim is put and x.params["place"] != MEMORY) for x in graph.nodes):
        return True
    seen = [x for node in graph.nodes for x in node.inputs] + [*graph.outputs]
    return bool(devices.away([x.value for x in seen if x.value is not None]))


def _kernel(platform: str, prim: Primitive, params: Mapping[str, Any], kinds: Any, shape: Any, dtype: Any) -> Callable[..., Any]:
    """One node as a compiled function of the values of its inputs."""
    inputs = tuple([Node(PLACEHOLDER, (), NO_PARAMS, shape, dtype, EMPTY, 0) for shape, dtype in kinds])
    node = Node(prim, inputs, params, shape, dtype, EMPTY, 0)
    program = Program(Graph(inputs, (node,), (node,)))
    passed = [x.value for x in program.passed]  # of graphs that the node holds
    compiled = devices.compiled_for(platform, program)
    return lambda *values: compiled(*values, *passed)[0]


@lru_cache(maxsize=KEPT)
def _kept(platform: str, prim: Primitive, params: tuple[Any, ...], kinds: Any, shape: Any, dtype: Any) -> Callable[..., Any]:
    return _kernel(platform, prim, dict(params), kinds, shape, dtype)


runtime.devices = Placing()
