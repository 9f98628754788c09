"""Meshes and shardings as jax has them, and back; values that go to a mesh, or lie on one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Sequence

import numpy as np

from nabla.engines.xla import devices
from nabla.engines.xla.failures import reported
from nabla.engines.xla.kernel import jax
from nabla.errors import ArgumentError
from nabla.primitives.placement import FREE, Mesh, PartitionSpec, Place, Sharding

_meshes: dict[Any, Mesh] = {}
"""Ours by jax's."""


@lru_cache(maxsize=64)
def jax_mesh(mesh: Mesh) -> Any:
    """The mesh as jax has it."""
    if mesh.devices is None:
        found = jax.devices()  # of all processes
        if len(found) < mesh.size:
            found = jax.devices("cpu") if len(jax.devices("cpu")) >= mesh.size else found
        if len(found) < mesh.size:
            raise ArgumentError(
                f"{mesh} takes {mesh.size} devices, and there are {len(found)}; on CPUs, the environment variable "
                f"XLA_FLAGS=--xla_force_host_platform_device_count={mesh.size}, set before the first use, makes as many of one"
            )
        chosen = found[: mesh.size]
    else:
        chosen = [devices.find(name) for name in mesh.devices]
    theirs = jax.sharding.Mesh(np.array(chosen, object).reshape(mesh.shape), mesh.axis_names)
    _meshes.setdefault(theirs, mesh)
    return theirs


def jax_sharding(place: Sharding, free: Any = None) -> Any:
    """The sharding as jax has it. free: what stands for an axis that XLA lays out as it likes."""
    entries = [free if entry == FREE else entry for entry in place.spec]
    return jax.sharding.NamedSharding(jax_mesh(place.mesh), jax.sharding.PartitionSpec(*entries))


def constraint(place: Sharding) -> Any:
    """The sharding as a mark in a program."""
    return jax_sharding(place, jax.sharding.PartitionSpec.UNCONSTRAINED)


def place_of(buffer: Any) -> Place:
    """Where a buffer lies."""
    sharding = buffer.sharding
    if isinstance(sharding, jax.sharding.NamedSharding) and sharding.mesh in _meshes:
        return Sharding(_meshes[sharding.mesh], PartitionSpec(*sharding.spec))
    found = buffer.devices()
    if len(found) == 1:
        return devices.name_of(next(iter(found)))
    names = ", ".join(sorted([devices.name_of(x) for x in found]))
    raise ArgumentError(f"this array of jax lies on {names}, but on no nb.Mesh")


def spread(value: Any, place: Sharding) -> Any:
    """A value on the devices of a mesh."""
    sharding = jax_sharding(place)
    with reported(), jax.enable_x64(True):
        if isinstance(value, jax.Array):
            if value.sharding.device_set == sharding.device_set:
                return jax.jit(_itself, out_shardings=sharding)(value)
            if sharding.is_fully_addressable:
                return jax.device_put(value, sharding)
            value = devices.get(value)
        if sharding.is_fully_addressable:
            return jax.device_put(value, sharding)
        whole = np.asarray(value)
        return jax.make_array_from_callback(whole.shape, sharding, lambda part: whole[part])


def put_beside(value: Any, buffers: Sequence[Any], mesh: Mesh | None) -> Any:
    """A value beside buffers, or on a mesh: whole on each device."""
    if isinstance(value, jax.Array):
        return value
    place = place_of(buffers[0]) if buffers else Sharding(mesh, PartitionSpec())  # type: ignore[arg-type]
    if isinstance(place, Sharding):
        return spread(value, Sharding(place.mesh, PartitionSpec()))
    return devices.put(value, devices.find(place))


def _itself(x: Any) -> Any:
    return x


def want_one_place(what: str, buffers: Sequence[Any], mesh: Mesh | None = None) -> Any:
    """The devices that buffers lie on, those of the mesh where one is named; an error where they differ."""
    found = set(jax_mesh(mesh).devices.flat) if mesh is not None else buffers[0].sharding.device_set
    for x in buffers:
        if x.sharding.device_set != found:
            first = mesh if mesh is not None else place_of(buffers[0])
            remedy = f"move one: x.to({first!r})" if isinstance(first, str) else "put it on the mesh: nb.shard(x, mesh, spec)"
            raise ArgumentError(
                f"{what}: what meets lies on {first} and on {place_of(x)}; nothing moves from one device to another by itself, "
                f"so {remedy}"
            )
    return frozenset(found)
