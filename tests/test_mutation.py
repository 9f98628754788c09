"""Writing to tensors: views, x[key] = v, in-place operators; their derivatives, what they cost, and what they refuse.

Random programs of reads, writes and views run on ndarrays and on tensors: all arrays agree after each step, and the derivatives
agree with those of the same program on complex numbers with a tiny imaginary part.
"""

import operator
import threading
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import nabla as nb

# ---- random programs --------------------------------------------------------------------------------------------
#
# A program is a list of steps. It is drawn with NumPy running beside, which knows the shapes. `arrays` are all that were made
# so far: bases, views, views of views.

IN_PLACE = {"+=": operator.iadd, "-=": operator.isub, "*=": operator.imul}
ARRANGED = {
    "T": lambda xp, x: x.T,
    "swapaxes": lambda xp, x: xp.swapaxes(x, 0, -1),
    "moveaxis": lambda xp, x: xp.moveaxis(x, 0, -1),
    "expand_dims": lambda xp, x: xp.expand_dims(x, 0),
    "squeeze": lambda xp, x: xp.squeeze(x),
    "flip": lambda xp, x: xp.flip(x, 0),
    "split": lambda xp, x: xp.split(x, [1])[-1],
}
numbers = st.integers(-3, 3).map(float)


def slices(n):
    bounds = st.none() | st.integers(-n - 1, n + 1)
    return st.builds(slice, bounds, bounds, st.none() | st.sampled_from([-2, -1, 1, 2]))


@st.composite
def basic_keys(draw, shape):
    items = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        items.append(draw(st.integers(-n, n - 1) | slices(n) if n else slices(n)))
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), None)
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), Ellipsis)
        tail = items[items.index(Ellipsis) + 1 :]
        if any(type(item) is int for item in tail):  # drawn for another axis: out of bounds perhaps
            items = [slice(None) if type(item) is int and i > items.index(Ellipsis) else item for i, item in enumerate(items)]
    return items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)


@st.composite
def advanced_keys(draw, shape):
    if draw(st.booleans()):
        axes = draw(st.integers(1, len(shape)))
        size = int(np.prod(shape[:axes]))
        mask = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool).reshape(shape[:axes])
        return mask
    count = draw(st.integers(1, 3))
    items = []
    for n in shape:
        if n and draw(st.booleans()):
            items.append(np.array(draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count))))
        else:
            items.append(draw(slices(n)))
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), None)
    return tuple(items)


@st.composite
def values(draw, arrays, shape):
    """What is written: a number, a constant array, or a part of one of the arrays."""
    kind = draw(st.sampled_from(["number", "array", "part"]))
    if kind == "part":
        fitting = [i for i, x in enumerate(arrays) if x.ndim and x.shape == shape[len(shape) - x.ndim :]]
        if fitting:
            return "part", draw(st.sampled_from(fitting))
    if kind == "array" and int(np.prod(shape)) <= 12:
        size = int(np.prod(shape))
        return "array", np.array(draw(st.lists(numbers, min_size=size, max_size=size))).reshape(shape)
    return "number", draw(numbers)


@st.composite
def programs(draw):
    first = draw(st.sampled_from([(4,), (3, 2), (2, 3, 2), (1, 4)]))
    start = np.arange(float(np.prod(first))).reshape(first)
    arrays = [start.copy()]
    steps = []
    for _ in range(draw(st.integers(1, 12))):
        i = draw(st.integers(0, len(arrays) - 1))
        x = arrays[i]
        kind = draw(st.sampled_from(["view", "view", "arrange", "set", "set", "set at", "in place", "in place", "write back", "copy", "compute"]))
        if kind == "view":
            step = (kind, i, draw(basic_keys(x.shape)))
        elif kind == "arrange":
            step = (kind, i, draw(st.sampled_from(sorted(ARRANGED))))
        elif kind in ("set", "write back"):
            key = draw(basic_keys(x.shape))
            step = (kind, i, key, draw(values(arrays, x[key].shape)), draw(st.sampled_from(sorted(IN_PLACE))))
        elif kind == "set at":
            key = draw(advanced_keys(x.shape))
            step = (kind, i, key, draw(values(arrays, x[key].shape)))
        elif kind == "in place":
            step = (kind, i, draw(st.sampled_from(sorted(IN_PLACE))), draw(values(arrays, x.shape)))
        else:
            step = (kind, i)
        steps.append((step, draw(st.booleans())))
        take(np, arrays, step)
    return start, steps


def written(arrays, value):
    kind, what = value
    return arrays[what] if kind == "part" else what


def take(xp, arrays, step):
    """One step, the same for NumPy and for tensors. Scalars are not kept: NumPy's are no arrays."""
    kind, i, *rest = step
    x = arrays[i]
    made = None
    if kind == "view":
        made = x[rest[0]]
    elif kind == "arrange":
        made = ARRANGED[rest[0]](xp, x)
    elif kind in ("set", "set at"):
        x[rest[0]] = written(arrays, rest[1])
    elif kind == "write back":
        key, value, symbol = rest
        x[key] = IN_PLACE[symbol](x[key], written(arrays, value))
    elif kind == "in place":
        arrays[i] = IN_PLACE[rest[0]](x, written(arrays, rest[1]))
        assert arrays[i] is x
    elif kind == "copy":
        made = x.copy()
    else:
        made = x * 0.5 + 1.0
    if made is not None and made.ndim:
        arrays.append(made)


many = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@many
@given(programs())
def test_random_programs_agree_with_numpy(program):
    start, steps = program
    theirs, ours = [start.copy()], [nb.array(start)]
    for step, look in steps:
        take(np, theirs, step)
        take(nb, ours, step)
        if look:
            agree(ours, theirs)
    agree(ours, theirs)


def agree(ours, theirs):
    assert [x.shape for x in ours] == [x.shape for x in theirs]
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(x.numpy(), y)


def outcome(xp, start, steps):
    """A number that depends on all arrays that a program made."""
    arrays = [start.copy()]
    for step, _ in steps:
        take(xp, arrays, step)
    total = 0.0
    for i, x in enumerate(arrays):
        total = total + (x * x * 0.01 * (i + 1)).sum()
    return total


@settings(many, max_examples=150)
@given(programs())
def test_random_programs_have_the_right_derivatives(program):
    start, steps = program
    direction = np.cos(np.arange(float(start.size))).reshape(start.shape)
    expected = outcome(np, start + 1e-30j * direction, steps).imag / 1e-30

    def f(x):
        return outcome(nb, x, steps)

    _, forward = nb.jvp(f, (start,), (direction,))
    gradient = nb.grad(f)(start)
    scale = 1e-9 * (1.0 + np.abs(gradient).sum())
    assert abs(forward.item() - expected) <= scale
    assert abs((gradient * direction).sum() - expected) <= scale
    lanes = nb.vmap(f)(np.stack([start, start + direction]))
    np.testing.assert_allclose(lanes.numpy(), [outcome(np, start, steps), outcome(np, start + direction, steps)], rtol=1e-9, atol=scale)
