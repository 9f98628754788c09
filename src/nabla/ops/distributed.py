"""Several processes, on one machine or many, that run the same program on one mesh: `nb.distributed`.

Each process calls `initialize` first. From then on `nb.Mesh` spans the devices of all of them, and a computation on sharded tensors
is one that all processes take part in: each makes the same calls in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.errors import ArgumentError
from nabla.graph.node import runtime
from nabla.ops.axes import integer
from nabla.ops.devices import want_place
from nabla.ops.lift import ArrayLike, as_node
from nabla.primitives.base import constant
from nabla.primitives.placement import Mesh, PartitionSpec, Sharding

if TYPE_CHECKING:
    from nabla.tensor import Tensor

__all__ = ["from_local", "initialize", "process_count", "process_index", "shutdown"]


def initialize(
    coordinator: str, num_processes: int, process_id: int, *, start_timeout: int = 300, heartbeat_timeout: int = 100
) -> None:
    """Connect this process with the others of one program; it returns when all of them are there.

    Args:
        coordinator: "host:port", where process 0 listens.
        num_processes, process_id: how many processes there are, and which of them this is, from 0 on.
        start_timeout: seconds to wait for the others; then the process ends with a message.
        heartbeat_timeout: seconds after which a process that was not heard of counts as gone. Those that wait for it in a
            computation raise EngineError, mostly at once; each of the others ends with a message.

    Call it before anything that uses a device. On CPUs the processes talk by gloo, on GPUs by NCCL.

    >>> nb.distributed.process_count()
    1
    """
    count = integer("distributed.initialize", "num_processes", num_processes, 1)
    number = integer("distributed.initialize", "process_id", process_id, 0)
    if number >= count:
        raise ArgumentError(f"distributed.initialize: process_id is less than num_processes, {count}; got {number}")
    host, colon, port = coordinator.rpartition(":")
    if not (host and colon and port.isdigit()):
        raise ArgumentError(f"distributed.initialize: coordinator is 'host:port', where process 0 listens; got {coordinator!r}")
    runtime.processes.start(coordinator, count, number, start_timeout, heartbeat_timeout)


def shutdown() -> None:
    """Disconnect this process, when all the others do so, too. Nothing happens in a process that is not connected.

    >>> nb.distributed.shutdown()
    """
    if runtime.processes.are_connected():
        runtime.processes.stop()


def process_index() -> int:
    """Which process this is, from 0 on.

    >>> nb.distributed.process_index()
    0
    """
    return runtime.processes.index()


def process_count() -> int:
    """How many processes work together.

    >>> nb.distributed.process_count()
    1
    """
    return runtime.processes.count()


def from_local(x: ArrayLike, mesh: Mesh, spec: PartitionSpec) -> Tensor:
    """One tensor over the mesh made of what each process has of it: its own rows of a batch, say. It is cut off from the history
    of `x`.

    `spec` says how the whole lies on the mesh; each process gives the part that its own devices hold.

    >>> mesh = nb.Mesh(1, "data")
    >>> nb.distributed.from_local(np.arange(3), mesh, nb.PartitionSpec("data")).tolist()
    [0, 1, 2]
    """
    place = want_place("distributed.from_local", Sharding(mesh, spec))
    node = as_node(x)
    runtime.realize((node,))
    runtime.away = True
    return runtime.handle(constant(runtime.devices.assemble(node.value, place), node.dtype))
