"""The devices that XLA has here, by name, and values on their way between them and NumPy.

A name is that of a platform and a number: "cpu:0", "cuda:1"; "cuda" alone is the first of them. On the CPU an ndarray that starts
at a multiple of 64 bytes becomes a buffer of XLA where it lies, and every buffer an ndarray: neither may be written to
afterwards. All else is copied.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any

import numpy as np

from nabla.engines.xla.failures import reported
from nabla.engines.xla.kernel import jax
from nabla.errors import ArgumentError, EngineError


@lru_cache(maxsize=1)
def devices() -> dict[str, Any]:
    """The devices of this process, by name: the CPUs, and what jax prefers to them."""
    found = [*jax.local_devices(backend="cpu"), *[x for x in jax.local_devices() if x.platform != "cpu"]]
    numbers: Counter[str] = Counter()
    named = {}
    for device in found:
        platform = _platform(device)
        named[f"{platform}:{numbers[platform]}"] = device
        numbers[platform] += 1
    return named


def _platform(device: Any) -> str:
    """What is called gpu is CUDA's or ROCm's."""
    if device.platform != "gpu":
        return str(device.platform)
    return "rocm" if "AMD" in device.device_kind.upper() else "cuda"


def find(name: str) -> Any:
    """The device of that name."""
    device = devices().get(name if ":" in name else f"{name}:0")
    if device is None:
        raise ArgumentError(
            f"there is no device {name!r} here: there are cpu, {', '.join(devices())}. A GPU needs pip install 'nabla[cuda13]', "
            f"a TPU pip install 'nabla[tpu]'"
        )
    return device


def name_of(device: Any) -> str:
    """The name of a device of this process; of another process, jax's own words."""
    for name, known in devices().items():
        if known == device:
            return name
    return str(device)


def platform_of(place: frozenset[Any]) -> str:
    """That of devices of one kind, as jax names it."""
    return str(next(iter(place)).platform)


def compiled_for(platform: str, function: Any, **settings: Any) -> Any:
    """What jax.jit makes of a function for the devices of a platform, as jax names it."""
    return jax.jit(function, compiler_options=_for_processors() if platform == "cpu" else None, **settings)


@lru_cache(maxsize=1)
def _for_processors() -> dict[str, str] | None:
    """What XLA is told when it compiles for processors; None where it does not know the option.

    XLA hands reductions, and what surrounds matrix products, to the library YNNPACK. There the maximum of 4096 numbers and more, or
    of a product and zero, is a number where one of them is NaN (tensorflow/tensorflow issue 116992 shows the same), and some sums
    end the process (jax-ml/jax issue 39257). Products and convolutions alone are right there, and fast; all else is done by XLA's
    own code.
    """
    left = "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION"
    options = {"xla_cpu_experimental_ynn_fusion_type": left}
    try:
        with jax.default_device(find("cpu")):
            jax.jit(lambda: 0, compiler_options=options).lower().compile()
    except jax.errors.JaxRuntimeError:
        return None
    return options


def away(values: Any) -> list[Any]:
    """Those of the values, or of their parts, that are buffers of XLA."""
    found = []
    for x in values:
        if type(x) is tuple:
            found += away(x)
        elif not isinstance(x, (np.ndarray, np.generic)):
            found.append(x)
    return found


def put(value: Any, device: Any) -> Any:
    """An ndarray, a NumPy scalar or a buffer of XLA as a buffer on `device`, with the dtype that it has.

    Where jax computes on the device anyway the buffer is not bound to it: a program would be compiled once more for bound ones.
    """
    with reported(), jax.enable_x64(True):
        return jax.device_put(value, None if device == jax.devices()[0] else device)


def get(buffer: Any) -> np.ndarray:
    """A buffer as an ndarray that may not be written to."""
    if not (buffer.is_fully_addressable or buffer.is_fully_replicated):
        raise EngineError(
            "parts of this value lie with other processes; nb.shard(x, mesh, nb.PartitionSpec()), called in all of them, gives "
            "each the whole"
        )
    with reported():
        return np.asarray(buffer)


@lru_cache(maxsize=1)
def kind_of_buffers() -> Any:
    """Their own class: to ask whether something is a jax.Array takes longer than to call a program."""
    return type(jax.device_put(np.zeros(())))


def held(x: np.ndarray) -> np.ndarray:
    """The same array, read-only, as a buffer of XLA on the CPU, so that the next program takes it as it is."""
    return get(put(np.asarray(x, order="C"), find("cpu"))) if type(x.base) is not memoryview else x
