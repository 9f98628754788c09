"""Writes tests/data/nestings.npz: what every nesting of nestings.py must give.

The numbers come from jax (0.10.2, float64), whose derivatives this project uses nowhere else. This script is kept so
that anyone can make the file again or add a program. Run `python tests/make_nesting_references.py`; it takes half an
hour. Before it writes, it checks all nestings to depth two and a sample of those of depth three against nested finite
differences of the same programs in plain NumPy, where vmap is a loop, so that an error of jax does not become our
truth.

The file holds two arrays for each program: `NAME/values`, all results one after the other in the order of
`nestings.NESTINGS`, and `NAME/shapes`, one row a nesting, padded with -1.
"""

import argparse
import random
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from nestings import NESTINGS, PROGRAMS, evaluate

DATA = Path(__file__).parent / "data" / "nestings.npz"
MAX_DIMENSIONS = 6


class Overlay:
    """A namespace, with the names it keeps elsewhere added."""

    def __init__(self, base, **names):
        self.base = base
        self.__dict__.update(names)

    def __getattr__(self, name):
        return getattr(self.base, name)


# ---- jax ----------------------------------------------------------------------------------------------------------

WITH_JAX = SimpleNamespace(
    grad=jax.grad,
    jvp=jax.jvp,
    vmap=jax.vmap,
    jacrev=jax.jacrev,
    jacfwd=jax.jacfwd,
    xp=Overlay(
        jnp,
        softmax=jax.nn.softmax,
        logsumexp=jax.scipy.special.logsumexp,
        erf=jax.scipy.special.erf,
        sigmoid=jax.nn.sigmoid,
    ),
)


# ---- plain NumPy --------------------------------------------------------------------------------------------------

# Central differences of order eight. With this step the truncation error (h^8) and the rounding error of three nested
# differences (eps / h^3) are both near 1e-9.
STEP = 0.007
STENCIL = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))


def difference(f, point, direction):
    total = 0.0
    for multiple, weight in STENCIL:
        step = multiple * STEP * direction
        total = total + weight * (np.asarray(f(point + step)) - np.asarray(f(point - step)))
    return total / STEP


def jacobian_by_differences(f):
    def jacobian(point):
        return np.stack([difference(f, point, direction) for direction in np.eye(point.size)], axis=-1)

    return jacobian


def jvp_by_differences(f, primals, tangents):
    return f(*primals), difference(f, primals[0], tangents[0])


def vmap_by_loop(f, in_axes=0, out_axes=0):
    def mapped(points):
        lanes = np.moveaxis(points, in_axes, 0)
        return np.stack([f(lane) for lane in lanes], axis=out_axes)

    return mapped


WITH_NUMPY = SimpleNamespace(
    grad=jacobian_by_differences,
    jvp=jvp_by_differences,
    vmap=vmap_by_loop,
    jacrev=jacobian_by_differences,
    jacfwd=jacobian_by_differences,
    xp=Overlay(
        np,
        softmax=scipy.special.softmax,
        logsumexp=scipy.special.logsumexp,
        erf=scipy.special.erf,
        sigmoid=scipy.special.expit,
    ),
)


# ---- the work -----------------------------------------------------------------------------------------------------


def references(program):
    results = []
    for nesting in NESTINGS:
        compiled = jax.jit(lambda nesting=nesting: evaluate(WITH_JAX, program, nesting))
        result = np.asarray(compiled())
        if result.dtype != np.float64 or not np.all(np.isfinite(result)):
            raise SystemExit(f"{program.__name__} {nesting}: not a finite float64 result")
        results.append(result)
    return results


def check(program, results, sample):
    """The largest relative deviation of the references from finite differences."""
    worst = 0.0
    for nesting, result in zip(NESTINGS, results, strict=True):
        if nesting.count("-") < 2 or nesting in sample:
            expected = np.asarray(evaluate(WITH_NUMPY, program, nesting))
            if expected.shape != result.shape:
                raise SystemExit(f"{program.__name__} {nesting}: shape {result.shape}, differences give {expected.shape}")
            error = np.max(np.abs(result - expected)) / max(1.0, np.max(np.abs(expected)))
            if error > 1e-7:
                raise SystemExit(f"{program.__name__} {nesting}: off by {error:.1e} from finite differences")
            worst = max(worst, error)
    return worst


def packed(results):
    shapes = np.full((len(results), MAX_DIMENSIONS), -1, dtype=np.int8)
    for row, result in zip(shapes, results, strict=True):
        row[: result.ndim] = result.shape
    return np.concatenate([result.ravel() for result in results]), shapes


def stored():
    if not DATA.exists():
        return {}
    with np.load(DATA) as file:
        return dict(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depth-three", type=int, default=20, help="nestings of depth three to check by differences")
    parser.add_argument("programs", nargs="*", help="make these anew and keep the others (default: all)")
    arguments = parser.parse_args()
    names = arguments.programs or list(PROGRAMS)
    if unknown := set(names) - set(PROGRAMS):
        parser.error(f"no program is called {', '.join(sorted(unknown))}")
    jax.config.update("jax_enable_x64", True)
    DATA.parent.mkdir(exist_ok=True)

    deep = [nesting for nesting in NESTINGS if nesting.count("-") == 2]
    for name in names:
        start = time.perf_counter()
        results = references(PROGRAMS[name])
        worst = check(PROGRAMS[name], results, random.Random(name).sample(deep, arguments.depth_three))
        values, shapes = packed(results)
        arrays = stored() | {f"{name}/values": values, f"{name}/shapes": shapes}
        np.savez_compressed(DATA, **{key: arrays[key] for key in sorted(arrays) if key.partition("/")[0] in PROGRAMS})
        print(f"{name}: {worst:.0e} from differences, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    print(f"{DATA.name}: {DATA.stat().st_size / 1024:.0f} KiB", file=sys.stderr)


if __name__ == "__main__":
    main()
