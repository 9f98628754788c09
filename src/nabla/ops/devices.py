"""Where tensors live. There is one device, the CPU, and it goes by the name "cpu"."""

from __future__ import annotations

from typing import Any

from nabla.errors import ArgumentError

CPU = "cpu"


def want_cpu(name: str, device: Any) -> None:
    """Refuse every device but the one there is; None leaves the choice to us."""
    if device is not None and not (isinstance(device, str) and device == CPU):
        raise ArgumentError(f'{name}: the only device is "cpu"; got {device!r}')
