"""Writing to tensors: views, x[key] = v, in-place operators; their derivatives, and what they refuse.

Random programs of reads, writes and views run on ndarrays and on tensors: all arrays agree after each step, and the derivatives
agree with those of the same program on complex numbers with a tiny imaginary part.
"""

import operator

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
KINDS = ["view", "view", "view", "arrange", "set", "set", "set", "set at", "in place", "in place", "write back", "copy", "compute"]
numbers = st.integers(-3, 3).map(float)


USUAL = [np.s_[::2], np.s_[1::2], np.s_[::-1], np.s_[::-2], np.s_[1:], np.s_[:-1], np.s_[:]]


def slices(n):
    bounds = st.none() | st.integers(-n - 1, n + 1)
    return st.sampled_from(USUAL) | st.builds(slice, bounds, bounds, st.none() | st.sampled_from([-2, -1, 1, 2]))


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
    first = draw(st.sampled_from([(6,), (5, 2), (2, 3, 3), (1, 4)]))
    start = np.arange(float(np.prod(first))).reshape(first)
    arrays = [start.copy()]
    steps = []
    for _ in range(draw(st.integers(1, 12))):
        i = draw(st.just(len(arrays) - 1) | st.integers(0, len(arrays) - 1))
        x = arrays[i]
        kind = draw(st.sampled_from(KINDS))
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


many = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


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


@settings(many, max_examples=50)
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
    lanes = [start, start + direction]
    found = nb.vmap(f)(np.stack(lanes)).numpy()
    np.testing.assert_allclose(found, [outcome(np, lane, steps) for lane in lanes], rtol=1e-9, atol=scale)


# ---- views ------------------------------------------------------------------------------------------------------


def test_a_view_shows_later_writes_and_writes_through():
    x = nb.array([[1.0, 2.0], [3.0, 4.0]])
    row, column, turned = x[1], x[:, 0], x.T
    x[1, 0] = 30.0
    assert row.tolist() == [30.0, 4.0] and column.tolist() == [1.0, 30.0] and turned.tolist() == [[1.0, 30.0], [2.0, 4.0]]
    turned[1] = nb.array([20.0, 40.0])
    assert x.tolist() == [[1.0, 20.0], [30.0, 40.0]] and row.tolist() == [30.0, 40.0]
    row *= 2.0
    assert x[1].tolist() == [60.0, 80.0]


def test_a_view_of_a_view_reaches_the_base():
    x = nb.arange(10.0)
    part = x[2:][::2][1:]
    assert part.tolist() == [4.0, 6.0, 8.0]
    part[-1] = 80.0
    part[np.array([0, 1])] = 40.0
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0, 40.0, 5.0, 40.0, 7.0, 80.0, 9.0]


def test_an_item_is_a_number_and_an_ellipsis_gives_a_view():
    x = nb.array([1.0, 2.0])
    item, shown = x[0], x[..., 0]
    item += 1.0
    assert x.tolist() == [1.0, 2.0] and item.item() == 2.0
    x[0] = 5.0
    assert item.item() == 2.0 and shown.item() == 5.0
    shown[...] = 6.0
    assert x.tolist() == [6.0, 2.0]


def test_index_arrays_and_copies_are_of_their_own():
    x = nb.array([1.0, 2.0, 3.0])
    others = [x[np.array([0, 1])], x[nb.array([True, False, True])], x.copy(), nb.copy(x), x[nb.array(1)], x + 0.0]
    for other in others:
        if other.ndim:
            other[0] = 9.0
    assert x.tolist() == [1.0, 2.0, 3.0]


def test_iteration_gives_views():
    x = nb.zeros((2, 2))
    for i, row in enumerate(x):
        row += float(i)
    assert x.tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert [item.item() for item in nb.array([1.0, 2.0])] == [1.0, 2.0]
    a, b = nb.array([1.0, 2.0])
    assert (a + b).item() == 3.0
    with pytest.raises(TypeError, match=r"shape \(\) has no elements"):
        iter(nb.array(1.0))


def test_in_place_operators_on_numbers_give_new_ones():
    s = nb.array(1.0)
    t = s
    t += 1.0
    assert (s.item(), t.item()) == (1.0, 2.0)
    i = nb.array(3)
    i /= 2
    assert i.item() == 1.5
    x = y = nb.array([1.0])
    y += 1.0
    assert x.tolist() == [2.0]


@pytest.mark.parametrize(
    ("symbol", "apply", "x", "y"),
    [
        ("+=", operator.iadd, [5.0, 7.0], 2.0),
        ("-=", operator.isub, [5.0, 7.0], [1.0, 2.0]),
        ("*=", operator.imul, [5.0, 7.0], 2),
        ("/=", operator.itruediv, [5.0, 7.0], 2.0),
        ("//=", operator.ifloordiv, [5.0, 7.0], 2.0),
        ("%=", operator.imod, [5.0, 7.0], 3.0),
        ("**=", operator.ipow, [5.0, 7.0], 2.0),
        ("@=", operator.imatmul, [[5.0, 7.0], [1.0, 2.0]], [[0.0, 1.0], [1.0, 0.0]]),
        ("&=", operator.iand, [5, 7], 6),
        ("|=", operator.ior, [5, 7], 8),
        ("^=", operator.ixor, [5, 7], 1),
        ("<<=", operator.ilshift, [5, 7], 1),
        (">>=", operator.irshift, [5, 7], 1),
    ],
)
def test_each_in_place_operator(symbol, apply, x, y):
    theirs, ours = np.array(x), nb.array(x)
    same, part = ours, ours[...]
    theirs = apply(theirs, np.array(y) if isinstance(y, list) else y)
    ours = apply(ours, nb.array(y) if isinstance(y, list) else y)
    assert ours is same and ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours.numpy(), theirs)
    np.testing.assert_array_equal(part.numpy(), theirs)


def test_arithmetic_with_views():
    x = nb.array([[1.0, 2.0], [3.0, 4.0]])
    row = x[0]
    assert (row + 1.0).tolist() == [2.0, 3.0] and (2.0 - row).tolist() == [1.0, 0.0] and (row * row).tolist() == [1.0, 4.0]
    assert nb.sin(row).shape == (2,) and nb.stack([row, x[1]]).tolist() == x.tolist() and len(row) == 2
    assert isinstance(row, nb.Tensor) and row.dtype == np.float64 and row.size == 2
    gradient = nb.grad(lambda v: (v * v).sum())(row)
    assert gradient.tolist() == [2.0, 4.0]


# ---- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.reshape(3, 2),
        lambda x: nb.ravel(x),
        lambda x: nb.broadcast_to(x, (2, 2, 3)),
        lambda x: nb.diagonal(x),
        lambda x: nb.rot90(x),
    ],
)
def test_what_may_share_memory_is_not_written_in_place(make):
    x = nb.array(np.arange(6.0).reshape(2, 3))
    y = make(x)
    with pytest.raises(ValueError, match=r"result of \w+, which in NumPy .* Write x = x\.copy\(\) first"):
        y[0] = 1.0
    with pytest.raises(ValueError, match="in-place write"):
        y += 1.0
    with pytest.raises(ValueError, match="in-place write"):
        y[0:1] *= 2.0
    z = y.copy()
    z += 1.0
    np.testing.assert_array_equal(z.numpy(), y.numpy() + 1.0)
    assert x.numpy().tolist() == np.arange(6.0).reshape(2, 3).tolist()


def test_a_reshape_that_can_share_memory_with_nothing_is_written():
    y = nb.reshape([1.0, 2.0], (2, 1))
    y += 1.0
    assert y.tolist() == [[2.0], [3.0]]
    z = nb.arange(6.0).reshape(2, 3)
    z[0] = 7.0
    z += 1.0
    assert z.tolist() == [[8.0, 8.0, 8.0], [4.0, 5.0, 6.0]]
    x = nb.arange(6.0)
    a, b = x.reshape(2, 3), x.reshape(3, 2)
    del x
    with pytest.raises(ValueError, match="result of reshape"):
        a[0] = 1.0
    del b
    a[0] = 1.0
    assert a.tolist() == [[1.0, 1.0, 1.0], [3.0, 4.0, 5.0]]
    row = a.reshape(6)[:2]
    with pytest.raises(ValueError, match="result of reshape"):
        row[0] = 2.0


def test_the_parts_of_complex_numbers():
    z = nb.array([1.0 + 2.0j, 3.0j])
    with pytest.raises(ValueError, match="result of real"):
        z.real[0] = 5.0
    with pytest.raises(ValueError, match="result of imag"):
        z.imag[0] = 5.0
    with pytest.raises(ValueError, match="result of real"):
        z = nb.array([1.0, 2.0])
        z.real[0] = 5.0


def test_the_shape_and_dtype_of_what_is_written_in_place_stay():
    x = nb.array([1, 2, 3])
    with pytest.raises(TypeError, match=r"x \+= y cannot change the dtype of x, from int64 to float64; write x = x \+ y"):
        x += 1.5
    with pytest.raises(TypeError, match="from int64 to float64"):
        x /= 2
    with pytest.raises(ValueError, match=r"cannot change the shape of x, from \(3,\) to \(2, 3\)"):
        x += nb.ones((2, 3), dtype="int64")
    with pytest.raises(TypeError, match=r"the Python number 1.5 cannot be written.* of dtype int64.*astype\(nb.float64\)"):
        x[0] = 1.5
    with pytest.raises(TypeError, match="dtype float64 cannot be written into a tensor of dtype int64"):
        x[:] = np.ones(3)
    with pytest.raises(TypeError, match="dtype complex128 cannot be written into a tensor of dtype float64"):
        nb.zeros(3)[:] = nb.array([1j, 2j, 3j])
    assert x.tolist() == [1, 2, 3]


def test_what_fits_is_cast():
    x = nb.zeros(3, dtype="float32")
    x[0] = 1.5
    x[1:] = np.array([2.5, 3.5])
    x += np.ones(3)
    assert x.dtype == np.float32 and x.tolist() == [2.5, 3.5, 4.5]
    small = nb.zeros(2, dtype="uint8")
    small[:] = [1, 255]
    assert small.tolist() == [1, 255]
    with pytest.raises(ValueError, match="300 is out of the range of uint8"):
        small[0] = 300
    with pytest.raises(TypeError, match="cannot be written"):
        small[:] = [1, 256]
    flags = nb.zeros(2, dtype=bool)
    flags[0] = 1
    flags[1] = True
    assert flags.tolist() == [True, True]


def test_a_value_that_does_not_fit_the_part():
    x = nb.zeros((2, 3))
    with pytest.raises(ValueError, match=r"shape \(2,\), which does not broadcast to the shape \(3,\)"):
        x[0] = [1.0, 2.0]
    with pytest.raises(ValueError, match=r"shape \(3, 3\)"):
        x[:] = np.ones((3, 3))
    x[0] = np.ones((1, 1, 3))
    assert x[0].tolist() == [1.0, 1.0, 1.0]


def test_an_error_leaves_the_tensor_as_it_was():
    x = nb.zeros(3)
    with pytest.raises(IndexError):
        x[5] = 1.0
    with pytest.raises(IndexError):
        x[np.array([0, 3])] = 1.0
    x[0] = 1.0
    assert x.tolist() == [1.0, 0.0, 0.0]


# ---- transforms -------------------------------------------------------------------------------------------------


def test_writes_are_differentiated():
    def f(v):
        x = nb.zeros(4)
        x[0] = v
        x[1:3] = nb.stack([v * v, x[0]])
        x[3] = x[1] * x[2]
        x *= 2.0
        x[::2] += v
        return x.sum()

    # 2 (v + v^2 + v + v^3) + 2 v
    assert nb.grad(f)(3.0).item() == 2 * (2 + 6 + 27) + 2
    assert nb.jvp(f, (3.0,), (1.0,))[1].item() == 72.0
    assert nb.grad(nb.grad(f))(3.0).item() == 2 * (2 + 18)
    assert nb.vmap(nb.grad(f))(nb.array([3.0, 0.0])).tolist() == [72.0, 6.0]
    assert nb.grad(lambda v: nb.vmap(f)(v).sum())(nb.array([3.0, 0.0])).tolist() == [72.0, 6.0]


def test_what_is_overwritten_has_derivative_zero():
    def f(x):
        y = nb.sqrt(x)
        y[0] = 7.0
        return y.sum()

    assert nb.grad(f)(nb.array([0.0, 4.0])).tolist() == [0.0, 0.25]
    assert nb.grad(nb.grad(lambda a: f(nb.stack([a, a]))))(4.0).item() == pytest.approx(-1 / 32)


def test_writes_to_the_same_place_the_last_wins():
    def f(v):
        x = nb.zeros(3)
        x[np.array([1, 1, 2])] = v
        return (x * nb.array([1.0, 10.0, 100.0])).sum()

    assert f(nb.array([1.0, 2.0, 3.0])).item() == 320.0
    assert nb.grad(f)(nb.array([1.0, 2.0, 3.0])).tolist() == [0.0, 10.0, 100.0]
    assert nb.jacfwd(f)(nb.array([1.0, 2.0, 3.0])).tolist() == [0.0, 10.0, 100.0]


def test_a_mapped_value_into_what_was_made_inside():
    def f(v, i):
        x = nb.zeros(3)
        x[1] = v
        x[i] += 10.0 * v
        return x

    found = nb.vmap(f)(nb.array([1.0, 2.0]), nb.array([0, 1]))
    assert found.tolist() == [[10.0, 1.0, 0.0], [0.0, 22.0, 0.0]]
    jacobian = nb.vmap(nb.jacrev(f), in_axes=(0, 0))(nb.array([1.0, 2.0]), nb.array([0, 1]))
    assert jacobian.tolist() == [[10.0, 1.0, 0.0], [0.0, 11.0, 0.0]]


@pytest.mark.parametrize(
    "inside",
    [
        lambda x: nb.zeros(2),
        lambda x: x.copy(),
        lambda x: nb.copy(x),
        lambda x: x + 0.0,
        lambda x: nb.zeros_like(x),
        lambda x: nb.array(x),
        lambda x: x.astype(nb.float64),
        lambda x: nb.array([0.0, 0.0]),
    ],
)
def test_what_is_made_inside_takes_a_mapped_value(inside):
    x = nb.array([0.0, 0.0])

    def f(v):
        y = inside(x)
        y[0] = v
        return y

    assert nb.vmap(f)(nb.array([1.0, 2.0])).tolist() == [[1.0, 0.0], [2.0, 0.0]]
    assert x.tolist() == [0.0, 0.0]


def test_a_mapped_value_into_what_was_made_outside_raises_at_the_line():
    x = nb.zeros(2)
    part = x[:1]

    def f(v):
        x[0] = v

    def g(v):
        part[0] = v

    def h(v):
        x.__iadd__(v)

    for function in (f, g, h):
        with pytest.raises(nb.TracedValueError, match=r"lanes of vmap .*test_mutation\.py.* made outside the mapped function"):
            nb.vmap(function)(nb.array([1.0, 2.0]))
    assert x.tolist() == [0.0, 0.0]

    def unmapped(v):
        x[1] = 5.0
        return v

    nb.vmap(unmapped)(nb.array([1.0, 2.0]))
    assert x.tolist() == [0.0, 5.0]


def test_an_exception_puts_back_what_was_moved():
    x = nb.zeros(3)
    part = x[1:]

    def f(v):
        x[0] = v
        part[0] = v * 2.0
        x[2] = 3.0
        raise KeyError("stop")

    for transform in (lambda: nb.grad(f)(1.0), lambda: nb.vjp(f, 1.0), lambda: nb.jvp(f, (1.0,), (1.0,))):
        with pytest.raises(KeyError):
            transform()
        assert x.tolist() == [0.0, 0.0, 0.0] and part.tolist() == [0.0, 0.0]
    x[0] = 1.0
    assert x.tolist() == [1.0, 0.0, 0.0]


def test_a_write_to_an_outer_tensor_stands_under_grad():
    log = nb.zeros(2)

    def f(v):
        log[0] = v
        log[1] = v * v
        return v * v

    assert nb.grad(f)(3.0).item() == 6.0
    assert log.tolist() == [3.0, 9.0]


def test_arguments_are_fresh():
    x = nb.array([1.0, 2.0])
    y = nb.array([1.0, 1.0])

    def f(x, y):
        x[0] = 5.0
        y[0] = x[1]
        return (x * y).sum()

    assert nb.grad(f)(x, y).tolist() == [0.0, 6.0]  # 5 x1 + x1
    assert x.tolist() == [1.0, 2.0] and y.tolist() == [1.0, 1.0]


def test_leaves_are_written_inside_no_grad_only():
    w = nb.array([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    with pytest.raises(ValueError, match="in-place write to a requires_grad leaf"):
        w[0] = 3.0
    with pytest.raises(ValueError, match="requires_grad leaf"):
        w -= 1.0
    with pytest.raises(ValueError, match="requires_grad leaf"):
        w[:1] *= 2.0
    with nb.no_grad():
        w[0] = 3.0
        w -= 0.5 * w.grad
    assert w.tolist() == [2.0, 0.0] and w.requires_grad and w.grad.tolist() == [2.0, 4.0]
    (w * w).sum().backward()
    assert w.grad.tolist() == [6.0, 4.0]
    with nb.no_grad():
        w += 1.0
        assert not (w * w).requires_grad  # it is no younger than it was
    assert (w * w).requires_grad


def test_memory_is_not_shared_with_what_was_handed_out():
    x = nb.zeros(4)
    before = x.numpy()
    x[0] = 1.0
    y = x + 0.0
    x[1] = 2.0
    x.realize()
    assert before.tolist() == [0.0] * 4 and y.tolist() == [1.0, 0.0, 0.0, 0.0] and x.tolist() == [1.0, 2.0, 0.0, 0.0]
    source = np.zeros(3)
    z = nb.array(source)
    z[0] = 1.0
    z.realize()
    assert source.tolist() == [0.0, 0.0, 0.0]
