"""The XLA engine: a graph as one program of XLA, for CPUs and accelerators. It needs the extra `nabla[xla]`.

jax is the door to XLA and nothing else: this room alone uses it, and none of its derivatives or batching.

    compile.py         a graph as one compiled function
    table.py           the whole table: from primitive to kernel, and which primitives run on the host
    kernel.py          what a kernel is, and what kernels share
    host.py            calls out of the program, to the kernel of the NumPy engine
    devices.py         the devices by name, and values on their way to them and back
    failures.py        what goes wrong inside XLA, as errors of ours
    export.py          programs as bytes, and back
    cache.py           the cache on disk of what was compiled
    control.py         the kernels of nodes that hold graphs
    moving.py ...      the other kernels, a module a family, each with a dict KERNELS and, where it has some, a list HOST
"""
