"""XLA kernels: structure, moving and casting."""

from __future__ import annotations

from nabla.dtypes import strong
from nabla.engines.xla.kernel import Kernel, broadcast_to, lax, reshape, transpose
from nabla.engines.xla.meshes import constraint
from nabla.primitives import custom, joining, placement, shape as s, structure
from nabla.primitives.base import Primitive

KERNELS: dict[Primitive, Kernel] = {
    # structure
    structure.VARIABLE: lambda x: x,
    structure.detach: lambda x: x,
    structure.named: lambda x, name: x,
    structure.output: lambda x, index: x[index],
    placement.put: lambda x, place, source: x,  # a program runs in one place
    placement.constrain: lambda x, place: lax.with_sharding_constraint(x, constraint(place)),
    custom.custom: lambda *xs, arguments, results, **_: xs[arguments : arguments + results],
    # moving and casting
    s.convert: lambda x, dtype: lax.convert_element_type(x, strong(dtype)),
    s.real: lambda x: lax.real(x) if x.dtype.kind == "c" else x,
    s.imag: lambda x: lax.imag(x) if x.dtype.kind == "c" else lax.full_like(x, 0),
    s.conj: lambda x: lax.conj(x) if x.dtype.kind == "c" else x,
    s.reshape: reshape,
    s.broadcast: lambda x, shape: broadcast_to(x, shape),
    s.transpose: transpose,
    s.flip: lambda x, axes: lax.rev(x, axes),
    joining.concat: lambda *xs, axis: lax.concatenate(xs, axis),
}
