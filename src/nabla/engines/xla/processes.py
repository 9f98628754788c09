"""Several processes that work together: XLA's runtime connects them, and a mesh spans the devices of all.

A process that ends without saying so takes the others with it: those that wait for it in a computation get an error at once, and
the rest when its heartbeat has been missed.
"""

from __future__ import annotations

from nabla.engines.xla import devices
from nabla.engines.xla.kernel import is_installed, jax
from nabla.errors import EngineError
from nabla.graph.node import runtime


class Processes:
    """The face of this for those who must not know the engine; `runtime.processes` is the one there is."""

    def start(self, coordinator: str, count: int, number: int, start_timeout: int, heartbeat_timeout: int) -> None:
        if jax.distributed.is_initialized():
            raise EngineError("distributed.initialize: this process was connected before; call nb.distributed.shutdown() first")
        try:
            jax.distributed.initialize(
                coordinator,
                count,
                number,
                initialization_timeout=start_timeout,
                heartbeat_timeout_seconds=heartbeat_timeout,
            )
        except RuntimeError as error:  # also that of XLA
            raise EngineError(_refusal(str(error), coordinator, count, number, start_timeout)) from None
        devices.devices.cache_clear()

    def stop(self) -> None:
        """Wait for the other processes, and disconnect."""
        try:
            jax.distributed.shutdown()
        except RuntimeError as error:
            raise EngineError(f"distributed.shutdown: {error}") from None

    def index(self) -> int:
        return int(jax.process_index()) if self.are_connected() else 0

    def count(self) -> int:
        return int(jax.process_count()) if self.are_connected() else 1

    def are_connected(self) -> bool:
        return is_installed() and bool(jax.distributed.is_initialized())


def _refusal(text: str, coordinator: str, count: int, number: int, seconds: int) -> str:
    if "before any" in text:
        return "distributed.initialize comes before everything that uses a device: XLA has counted its devices already"
    return f"distributed.initialize: process {number} of {count} did not connect to {coordinator} within {seconds} seconds: {text}"


runtime.processes = Processes()
