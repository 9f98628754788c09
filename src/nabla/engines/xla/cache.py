"""The cache on disk of what XLA has compiled. It is set in jax's configuration, which nothing else here touches."""

from __future__ import annotations

from nabla.engines.xla.kernel import jax
from nabla.errors import ArgumentError


def set_compilation_cache(path: str) -> None:
    """Keep what XLA compiles in a directory, so that another process need not compile it again."""
    before = jax.config.jax_compilation_cache_dir
    if before not in (None, path):
        raise ArgumentError(f"set_compilation_cache: XLA keeps what it compiles in {before} already, for the life of this process")
    for name, value in (
        ("jax_compilation_cache_dir", path),
        ("jax_persistent_cache_min_compile_time_secs", 0.0),
        ("jax_persistent_cache_min_entry_size_bytes", -1),
    ):
        jax.config.update(name, value)
