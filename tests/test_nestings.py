"""Every nesting of {grad, jvp, vmap, jacrev, jacfwd} to depth three gives the stored number, for every program.

nestings.py holds the programs and says why a mixed-up variable or lane cannot go unseen; make_nesting_references.py
made the references and checked them against finite differences.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from nestings import NESTINGS, PROGRAMS, TRANSFORMS, evaluate

import nabla as nb

WITH_NABLA = SimpleNamespace(grad=nb.grad, jvp=nb.jvp, vmap=nb.vmap, jacrev=nb.jacrev, jacfwd=nb.jacfwd, xp=nb)
TOLERANCE = 1e-9


def stored_references():
    """{program: {nesting: array}}"""
    references = {}
    with np.load(Path(__file__).parent / "data" / "nestings.npz") as stored:
        for name in {key.partition("/")[0] for key in stored}:
            shapes = [tuple(int(size) for size in row if size >= 0) for row in stored[f"{name}/shapes"]]
            ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])
            values = np.split(stored[f"{name}/values"], ends[:-1])
            arrays = [value.reshape(shape) for value, shape in zip(values, shapes, strict=True)]
            references[name] = dict(zip(NESTINGS, arrays, strict=True))
    return references


REFERENCES = stored_references()


def deviation(result, expected):
    """How far off, relative to the largest element; a wrong shape or dtype is told as it is."""
    result = np.asarray(result)
    if result.shape != expected.shape or result.dtype != np.float64:
        return f"{result.dtype} of shape {result.shape}, not float64 of shape {expected.shape}"
    error = np.max(np.abs(result - expected)) / np.max(np.abs(expected))
    return None if error <= TOLERANCE else f"off by {error:.1e}"


@pytest.mark.parametrize("nesting", NESTINGS)
def test_nesting(nesting):
    wrong = {}
    for name, program in PROGRAMS.items():
        found = deviation(evaluate(WITH_NABLA, program, nesting), REFERENCES[name][nesting])
        if found:
            wrong[name] = found
    assert not wrong, wrong


def test_no_nesting_and_no_program_is_left_out():
    assert len(NESTINGS) == len(set(NESTINGS)) == 5 + 5**2 + 5**3
    assert {letter for nesting in NESTINGS for letter in nesting.split("-")} == set(TRANSFORMS)
    assert set(REFERENCES) == set(PROGRAMS) and len(PROGRAMS) >= 12


def test_the_check_sees_a_wrong_shape_and_a_wrong_digit():
    expected = REFERENCES["waves"]["grad-grad"]
    assert deviation(expected.copy(), expected) is None
    assert deviation(REFERENCES["waves"]["jacfwd-vmap"], expected).startswith("float64 of shape")
    assert deviation(expected * (1 + 1e-7), expected).startswith("off by")


def blind_grad(f):
    """A grad whose result the outer transform cannot see through."""
    return nb.grad(f, create_graph=False)


def swapping_vmap(f, **axes):
    """A vmap that hands each function the other lane's element."""
    return lambda points: nb.vmap(f, **axes)(nb.flip(points, axis=axes.get("in_axes", 0)))


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(("nesting", "confusion"), [("jacfwd-grad", {"grad": blind_grad}), ("grad-vmap", {"vmap": swapping_vmap})])
def test_no_program_hides_a_confusion(name, nesting, confusion):
    confused = SimpleNamespace(**{**vars(WITH_NABLA), **confusion})
    found = deviation(evaluate(confused, PROGRAMS[name], nesting), REFERENCES[name][nesting])
    assert found.startswith("off by")
