"""cond, switch, while_loop, fori_loop, scan, map: as the same program with Python's own `if` and `for`, in every mode.

Lifetimes, memory and the text of errors are in test_control_flow_errors.py.
"""

import numpy as np
import pytest

import nabla as nb

same = np.testing.assert_allclose


def jit(f):
    return nb.jit(f, engine="numpy")


# ---- programs, each twice: with control flow as primitives, and with Python's -----------------------------------------------


def while_nb(x):
    return nb.while_loop(lambda v: v[0] < 5, lambda v: (v[0] + 1, nb.sin(v[1]) * x + v[1]), (0, x))[1]


def while_py(x):
    v = x
    for _ in range(5):
        v = nb.sin(v) * x + v
    return v


def scan_nb(x):
    c, ys = nb.scan(lambda c, t: (nb.sin(c) * x + t, c * c * t), x, nb.array([1.0, 2.0, 3.0]))
    return c * ys.sum()


def scan_py(x):
    c, total = x, 0.0
    for t in (1.0, 2.0, 3.0):
        c, y = nb.sin(c) * x + t, c * c * t
        total = total + y
    return c * total


def cond_nb(x):
    return nb.cond(x > 0.5, lambda y: nb.sin(y) * x, lambda y: nb.exp(y) * y, x)


def cond_py(x):
    return nb.sin(x) * x if x > 0.5 else nb.exp(x) * x


def switch_nb(x):
    return nb.switch(nb.floor(x * 3.0).astype(nb.int64), [nb.sin, lambda y: y * y * y, nb.exp], x) * x


def switch_py(x):
    return [nb.sin, lambda y: y * y * y, nb.exp][int(nb.floor(nb.detach(x) * 3.0).item())](x) * x


def fori_nb(x):
    return nb.fori_loop(1, 4, lambda i, v: v * x + nb.cos(v) / i, x)


def fori_py(x):
    v = x
    for i in (1, 2, 3):
        v = v * x + nb.cos(v) / i
    return v


def map_nb(x):
    return nb.map(lambda t: nb.exp(-t * x) * x, nb.array([0.5, 1.5, 2.5])).prod()


def map_py(x):
    total = x * 0.0 + 1.0
    for t in (0.5, 1.5, 2.5):
        total = total * nb.exp(-t * x) * x
    return total


def nested_nb(x):
    def step(c, t):
        def turn(v):
            return v[0] + 1, nb.cond(v[1] > 1.0, lambda z: nb.sin(z) + x * t, lambda z: z * z + x, v[1])

        c = nb.while_loop(lambda v: v[0] < 3, turn, (0, c))[1]
        return c, c * x

    c, ys = nb.scan(step, x, nb.array([0.5, 0.7]))
    return c + ys.sum()


def nested_py(x):
    c, total = x, 0.0
    for t in (0.5, 0.7):
        for _ in range(3):
            c = nb.sin(c) + x * t if c > 1.0 else c * c + x
        total = total + c * x
    return c + total


def scan_in_scan_nb(x):
    def outer(c, t):
        return nb.scan(lambda d, u: (d * u + x, nb.sin(d)), c, nb.array([0.5, 1.5, 2.0]) * t)

    c, ys = nb.scan(outer, x, nb.array([0.5, 0.7]), reverse=True)
    return c + (ys * ys).sum()


def scan_in_scan_py(x):
    c, total = x, 0.0
    for t in (0.7, 0.5):
        for u in (0.5, 1.5, 2.0):
            c, y = c * (u * t) + x, nb.sin(c)
            total = total + y * y
    return c + total


def steps_by_value_nb(x):
    return nb.while_loop(lambda v: v < 20.0, lambda v: v * (1.0 + x) + x, x)


def steps_by_value_py(x):
    v = x
    while v < 20.0:
        v = v * (1.0 + x) + x
    return v


PROGRAMS = {
    "while": (while_nb, while_py),
    "scan": (scan_nb, scan_py),
    "cond": (cond_nb, cond_py),
    "switch": (switch_nb, switch_py),
    "fori": (fori_nb, fori_py),
    "map": (map_nb, map_py),
    "cond in while in scan": (nested_nb, nested_py),
    "scan in scan": (scan_in_scan_nb, scan_in_scan_py),
    "as many steps as it takes": (steps_by_value_nb, steps_by_value_py),
}


def along(f):
    return lambda x: nb.jvp(f, (x,), (nb.ones_like(x),))[1]


TRANSFORMS = {
    "value": lambda f: f,
    "grad": nb.grad,
    "jvp": along,
    "vjp": lambda f: lambda x: nb.vjp(f, x)[1](2.0)[0],
    "grad of grad": lambda f: nb.grad(nb.grad(f)),
    "jvp of grad": lambda f: along(nb.grad(f)),
    "grad of jvp": lambda f: nb.grad(along(f)),
    "jvp of jvp": lambda f: along(along(f)),
    "jit": jit,
    "grad of jit": lambda f: nb.grad(jit(f)),
    "jit of grad": lambda f: jit(nb.grad(f)),
    "jit of grad of jit": lambda f: jit(nb.grad(lambda x: jit(f)(x) * x)),
    "grad of grad of jit": lambda f: nb.grad(nb.grad(jit(f))),
    "jit of jvp of grad": lambda f: jit(along(nb.grad(f))),
}
POINTS = (0.3, 0.7)


def plain(name):
    """The reference: where it is compiled, the Python program as it stands."""
    if name == "jit of grad of jit":
        return lambda f: nb.grad(lambda x: f(x) * x)
    return TRANSFORMS[{"jit": "value", "grad of jit": "grad", "jit of grad": "grad", "grad of grad of jit": "grad of grad",
                       "jit of jvp of grad": "jvp of grad"}.get(name, name)]  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_as_python_does_it(program, name):
    f, reference = PROGRAMS[program]
    for x in POINTS[-1:] if program == "cond in while in scan" else POINTS:
        same(TRANSFORMS[name](f)(nb.array(x)), plain(name)(reference)(nb.array(x)), rtol=1e-12)


LANES = np.array([0.3, 0.7, 0.51])
BATCHED = {
    "vmap": (nb.vmap, "value"),
    "vmap of grad": (lambda f: nb.vmap(nb.grad(f)), "grad"),
    "vmap of jvp": (lambda f: nb.vmap(along(f)), "grad"),
    "grad of vmap": (lambda f: nb.grad(lambda x: nb.vmap(f)(x).sum()), "grad"),
    "jvp of vmap": (lambda f: along(nb.vmap(f)), "grad"),
    "vmap of grad of grad": (lambda f: nb.vmap(nb.grad(nb.grad(f))), "grad of grad"),
    "vmap of jvp of grad": (lambda f: nb.vmap(along(nb.grad(f))), "grad of grad"),
    "vmap of grad of jvp": (lambda f: nb.vmap(nb.grad(along(f))), "grad of grad"),
    "vmap of jvp of jvp": (lambda f: nb.vmap(along(along(f))), "grad of grad"),
    "grad of vmap of grad": (lambda f: nb.grad(lambda x: nb.vmap(nb.grad(f))(x).sum()), "grad of grad"),
    "hessian of vmap": (lambda f: lambda x: nb.diagonal(nb.hessian(lambda v: nb.vmap(f)(v).sum())(x)), "grad of grad"),
    "jit of vmap of grad": (lambda f: jit(nb.vmap(nb.grad(f))), "grad"),
    "vmap of grad of jit": (lambda f: nb.vmap(nb.grad(jit(f))), "grad"),
}


SLOW = {"hessian of vmap", "grad of vmap of grad", "vmap of grad of jvp", "vmap of grad of grad"}


@pytest.mark.parametrize(
    ("program", "name"), [(p, n) for p in PROGRAMS for n in BATCHED if p != "cond in while in scan" or n not in SLOW]
)
def test_lanes_of_a_vmap(program, name):
    f, reference = PROGRAMS[program]
    batched, order = BATCHED[name]
    same(batched(f)(LANES), [TRANSFORMS[order](reference)(nb.array(x)).item() for x in LANES], rtol=1e-11)


@pytest.mark.parametrize("program", ["as many steps as it takes", "scan", "cond", "scan in scan"])
def test_third_order(program):
    f, reference = PROGRAMS[program]
    third = nb.grad(nb.grad(nb.grad(reference)))(0.4)
    same(nb.grad(nb.grad(nb.grad(f)))(0.4), third, rtol=1e-11)
    same(nb.grad(along(nb.grad(f)))(0.4), third, rtol=1e-11)


@pytest.mark.parametrize("program", PROGRAMS)
def test_backward(program):
    f, reference = PROGRAMS[program]
    x = nb.array(0.6, requires_grad=True)
    nb.backward(f(x))
    same(x.grad, nb.grad(reference)(0.6), rtol=1e-12)


# ---- the number of steps ------------------------------------------------------------------------------------------------


def logistic(n):
    return lambda r: nb.while_loop(lambda v: v[0] < n, lambda v: (v[0] + 1, r * v[1] * (1.0 - v[1])), (0, 0.3 + 0.0 * r))[1]


@pytest.mark.parametrize("n", [0, 1, 2, 127, 128, 129, 130, 255, 256, 257, 1000])
def test_gradient_of_any_number_of_steps(n):
    x, dx = 0.3, 0.0  # the tangent, by hand
    r = 2.9
    for _ in range(n):
        x, dx = r * x * (1.0 - x), x * (1.0 - x) + r * dx * (1.0 - 2.0 * x)
    same(nb.grad(logistic(n))(r), dx, rtol=1e-10, atol=1e-14)
    same(along(logistic(n))(nb.array(r)), dx, rtol=1e-10, atol=1e-14)


def test_second_order_of_many_steps():
    same(nb.grad(nb.grad(logistic(300)))(2.7), along(along(logistic(300)))(nb.array(2.7)), rtol=1e-9)


def test_no_step_at_all():
    f = lambda x: nb.while_loop(lambda v: v < 0.0, lambda v: v * x, x * 2.0)
    assert f(nb.array(3.0)).item() == 6.0
    assert nb.grad(f)(3.0).item() == 2.0 and nb.grad(nb.grad(f))(3.0).item() == 0.0


# ---- scan -----------------------------------------------------------------------------------------------------------------


def test_scan_of_pytrees():
    xs = {"a": nb.arange(6.0).reshape(3, 2), "b": (nb.arange(3), None)}

    def step(carry, x):
        new = {"s": carry["s"] + x["a"].sum(), "n": carry["n"] + x["b"][0]}
        return new, (new["s"], {"twice": x["a"] * 2.0})

    last, (sums, rest) = nb.scan(step, {"s": 0.0, "n": 0}, xs)
    assert last["s"].item() == 15.0 and last["n"].item() == 3 and last["n"].dtype == nb.int64
    assert sums.tolist() == [1.0, 6.0, 15.0] and rest["twice"].shape == (3, 2)


def test_scan_from_the_last_row():
    last, ys = nb.scan(lambda c, x: (c * 2.0 + x, c), 0.0, nb.array([1.0, 2.0, 4.0]), reverse=True)
    assert last.item() == 21.0 and ys.tolist() == [10.0, 4.0, 0.0]


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_without_rows(reverse):
    f = lambda x: nb.scan(lambda c, r: (c * r, c * x), x, nb.zeros((0,)), reverse=reverse)
    last, ys = f(nb.array(2.0))
    assert last.item() == 2.0 and ys.shape == (0,) and ys.dtype == nb.float64
    assert nb.grad(lambda x: f(x)[0] + f(x)[1].sum())(2.0).item() == 1.0


def test_scan_without_xs():
    last, ys = nb.scan(lambda c, x: (c * 2, c), 1, length=4)
    assert last.item() == 16 and ys.tolist() == [1, 2, 4, 8]


def test_scan_that_stacks_nothing_and_one_that_carries_nothing():
    last, ys = nb.scan(lambda c, x: (c + x, None), 0.0, nb.arange(3.0))
    assert last.item() == 3.0 and ys is None
    last, ys = nb.scan(lambda c, x: (None, x * 2), None, nb.arange(3))
    assert last is None and ys.tolist() == [0, 2, 4]


def test_gradient_with_respect_to_rows_start_and_closure():
    def f(w, c, xs):
        last, ys = nb.scan(lambda c, x: (nb.tanh(w @ c + x), c.sum()), c, xs)
        return (last * last).sum() + ys.sum()

    def unrolled(w, c, xs):
        total = 0.0
        for i in range(4):
            c, y = nb.tanh(w @ c + xs[i]), c.sum()
            total = total + y
        return (c * c).sum() + total

    rng = np.random.default_rng(1)
    args = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(4, 3))
    for a, b in zip(nb.grad(f, argnums=(0, 1, 2))(*args), nb.grad(unrolled, argnums=(0, 1, 2))(*args)):
        same(a, b, rtol=1e-12)
    for a, b in zip(nb.hessian(f, argnums=(0, 1, 2))(*args), nb.hessian(unrolled, argnums=(0, 1, 2))(*args)):
        for x, y in zip(a, b):
            same(x, y, rtol=1e-10, atol=1e-12)
    nb.testing.check_grads(f, args, order=2)


# ---- dtypes ---------------------------------------------------------------------------------------------------------------


def test_complex_numbers():
    def f(z):
        c, ys = nb.scan(lambda c, x: (c * z + x, nb.exp(c)), z, nb.array([1.0, 0.5]))
        return nb.real(c * nb.conj(c)) + nb.real(ys.sum())

    def unrolled(z):
        c, total = z, 0.0
        for x in (1.0, 0.5):
            c, y = c * z + x, nb.exp(c)
            total = total + y
        return nb.real(c * nb.conj(c)) + nb.real(total)

    z = nb.array(0.3 + 0.7j)
    same(nb.grad(f)(z), nb.grad(unrolled)(z), rtol=1e-13)
    g = lambda z: nb.real(nb.while_loop(lambda v: nb.abs(v) < 5.0, lambda v: v * (1.0 + z), z))
    value = z
    steps = 0
    while abs(value.item()) < 5.0:
        value, steps = value * (1.0 + z), steps + 1
    same(nb.grad(g)(z), nb.grad(lambda z: nb.real(z * (1.0 + z) ** steps))(z), rtol=1e-12)


def test_float32_stays_float32():
    x = np.float32(0.5)
    for f in (while_nb, lambda x: nb.scan(lambda c, i: (c * x + 1.0, c), x, length=3)[0], cond_nb):
        assert f(nb.array(x)).dtype == nb.float32
        assert nb.grad(f)(x).dtype == np.float32


def test_numbers_of_python_take_the_dtype_they_meet():
    total, _ = nb.scan(lambda c, x: (c + x, None), 0, nb.array([0.5, 0.5], dtype=nb.float32))
    assert total.dtype == nb.float32 and total.item() == 1.0
    assert nb.cond(True, lambda x: 1, lambda x: x, nb.array(2.0, dtype=nb.float32)).dtype == nb.float32
    assert nb.while_loop(lambda v: v < 3, lambda v: v + 1, 0).dtype == nb.int64


# ---- closures -------------------------------------------------------------------------------------------------------------


def test_a_body_reads_variables_and_lanes_from_outside():
    def f(x, y):
        return nb.vmap(lambda t: nb.scan(lambda c, r: (c * t + x * r, None), y, nb.array([1.0, 2.0]))[0])(
            nb.array([1.0, 2.0])
        ).sum()

    def unrolled(x, y):
        total = 0.0
        for t in (1.0, 2.0):
            c = y
            for r in (1.0, 2.0):
                c = c * t + x * r
            total = total + c
        return total

    same(nb.grad(f, argnums=(0, 1))(1.5, 0.5), nb.grad(unrolled, argnums=(0, 1))(1.5, 0.5))
    same(nb.grad(jit(f), argnums=(0, 1))(1.5, 0.5), nb.grad(unrolled, argnums=(0, 1))(1.5, 0.5))


def test_transforms_inside_a_body():
    def f(x):
        return nb.scan(lambda c, t: (c - 0.1 * nb.grad(lambda z: nb.sin(z * x) * t)(c), None), x, nb.array([1.0, 2.0]))[0]

    def unrolled(x):
        c = x
        for t in (1.0, 2.0):
            c = c - 0.1 * nb.cos(c * x) * x * t
        return c

    same(nb.grad(f)(0.7), nb.grad(unrolled)(0.7), rtol=1e-12)
    g = lambda x: nb.while_loop(lambda v: v[0] < 2, lambda v: (v[0] + 1, nb.vmap(lambda t: t * x)(v[1])), (0, nb.stack([x, x])))[1]
    same(nb.jacfwd(g)(2.0), [12.0, 12.0])


def test_no_grad_and_detach_inside_a_body():
    def f(x):
        def step(c, t):
            with nb.no_grad():
                a = c * x
            return c * t + a + nb.detach(c) * x, None

        return nb.scan(step, x, nb.array([2.0, 3.0]))[0]

    def unrolled(x):
        c = x
        for t in (2.0, 3.0):
            c = c * t + nb.detach(c * x) + nb.detach(c) * x
        return c

    same(nb.grad(f)(0.7), nb.grad(unrolled)(0.7))
    same(along(f)(nb.array(0.7)), nb.grad(unrolled)(0.7))
    same(nb.grad(jit(f))(0.7), nb.grad(unrolled)(0.7))


def test_custom_rules_inside_a_body():
    @nb.custom_vjp
    def twice(x):
        return x * 2.0

    twice.defvjp(lambda x: (x * 2.0, x), lambda x, g: (g * 10.0,))
    f = lambda x: nb.scan(lambda c, t: (twice(c) * t, None), x, nb.array([1.0, 2.0]))[0]
    assert f(nb.array(1.0)).item() == 8.0 and nb.grad(f)(1.0).item() == 200.0
    assert nb.grad(lambda x: nb.cond(x > 0, twice, nb.sin, x))(1.0).item() == 10.0
    g = lambda x: nb.while_loop(lambda v: v < 7.0, twice, x)
    assert nb.grad(g)(1.0).item() == 1000.0


def test_collectives_inside_a_body():
    def f(x):
        return nb.scan(lambda c, t: (c + nb.psum(c * x, "i") * t, None), x, nb.array([1.0, 2.0]))[0]

    lanes = nb.array([0.5, 2.0])
    c = lanes
    for t in (1.0, 2.0):
        c = c + (c * lanes).sum() * t
    same(nb.vmap(f, axis_name="i")(lanes), c)
    unrolled = lambda v: nb.scan(lambda c, t: (c + (c * v).sum() * t, None), v, nb.array([1.0, 2.0]))[0].sum()
    same(nb.grad(lambda v: nb.vmap(f, axis_name="i")(v).sum())(lanes), nb.grad(unrolled)(lanes), rtol=1e-13)


# ---- lanes that differ ----------------------------------------------------------------------------------------------------


def test_a_loop_in_a_branch_that_other_lanes_do_not_take():
    def f(x):  # for x <= 1 the loop would never end
        return nb.cond(x > 1.0, lambda y: nb.while_loop(lambda v: v < 100.0, lambda v: v * x, y), nb.sin, x)

    xs = nb.array([2.0, 0.5, 3.0, -1.0])
    value = [128.0, np.sin(0.5), 243.0, np.sin(-1.0)]
    same(nb.vmap(f)(xs), value)
    same(jit(nb.vmap(f))(xs), value)
    slope = [7 * 2.0**6, np.cos(0.5), 5 * 3.0**4, np.cos(-1.0)]
    same(nb.vmap(nb.grad(f))(xs), slope)
    same(nb.grad(lambda v: nb.vmap(f)(v).sum())(xs), slope)
    same(nb.vmap(along(f))(xs), slope)
    same(nb.vmap(nb.grad(nb.grad(f)))(xs), [42 * 2.0**5, -np.sin(0.5), 20 * 3.0**3, -np.sin(-1.0)])


def test_lanes_that_are_done_stand_still():
    f = lambda x: nb.while_loop(lambda v: v < 10.0, lambda v: v + 1.0 / (10.0 - v), x)  # 1/0 one step too far
    xs = nb.array([9.0, 0.5, 10.0, 30.0])
    one = [f(x).item() for x in xs]
    same(nb.vmap(f)(xs), one)
    slopes = [nb.grad(f)(x).item() for x in xs]
    assert np.all(np.isfinite(slopes))
    same(nb.vmap(nb.grad(f))(xs), slopes)
    same(nb.grad(lambda v: nb.vmap(f)(v).sum())(xs), slopes)
    same(along(nb.vmap(f))(xs), slopes)


def test_a_loop_inside_makes_no_steps_in_lanes_that_are_done():
    def f(x):  # a turn more, and the loop inside would never end
        inner = lambda n: nb.while_loop(lambda v: v < 5.0, lambda v: v + n * x, x)
        return nb.while_loop(lambda s: s[0] > 0.0, lambda s: (s[0] - 1.0, s[1] + inner(s[0]) ** 2), (nb.floor(x), 0.0))[1]

    xs = nb.array([0.5, 3.25, 1.5])
    same(nb.vmap(f)(xs), [f(x).item() for x in xs])
    same(jit(nb.vmap(f))(xs), [f(x).item() for x in xs])
    same(nb.vmap(nb.grad(f))(xs), [nb.grad(f)(x).item() for x in xs])


def test_lanes_that_write_to_arrays_in_a_loop():
    def f(x, n):
        def step(state):
            i, v, rows = state
            rows = rows.copy()
            rows[i] = v
            rows[1:3, 0] = rows[1:3, 0] + v.sum()
            rows[:, i % 3] *= 1.5
            return i + 1, nb.sin(v) * x, rows

        _, v, rows = nb.while_loop(lambda state: state[0] < n, step, (0, x, nb.ones((8, 3))))
        return (rows * np.cos(np.arange(24.0).reshape(8, 3))).sum() + v.sum()

    xs, ns = np.linspace(0.3, 1.4, 15).reshape(5, 3), np.array([0, 3, 8, 5, 1])
    values, slopes = zip(*[nb.value_and_grad(f)(nb.array(x), int(n)) for x, n in zip(xs, ns, strict=True)], strict=True)
    for both in (nb.vmap(nb.value_and_grad(f)), jit(nb.vmap(nb.value_and_grad(f)))):
        found, found_slopes = both(xs, ns)
        same(found, [v.item() for v in values], rtol=1e-13)
        same(found_slopes, [s.numpy() for s in slopes], rtol=1e-13)


@pytest.mark.parametrize("n", [0, 1, 127, 2048, 2049, 4097, 9000, 40000])
def test_backwards_over_any_number_of_steps(n):
    power = lambda r: nb.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * r), (0, 1.0 + 0.0 * r))[1]
    same(jit(nb.grad(power))(0.9999), n * 0.9999 ** (n - 1), rtol=1e-9)


@pytest.mark.parametrize("n", [5, 128, 300, 1000])
def test_backwards_where_few_carries_are_kept(n):
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    spin = lambda r: nb.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, r * s[1] @ turn), (0, nb.ones((700, 2))))[1]
    same(jit(nb.grad(lambda r: (spin(r) ** 2).mean()))(0.999), 2 * n * 0.999 ** (2 * n - 1), rtol=1e-9)


def test_zeros_of_a_mask_stay_zero_through_control_flow():
    root = lambda x: nb.scan(lambda c, _: (nb.sqrt(c), None), x, length=2)[0]
    f = lambda x: nb.where(x > 0.0, root(x), 0.0)
    assert nb.grad(f)(0.0).item() == 0.0 and nb.grad(nb.grad(f))(0.0).item() == 0.0
    g = lambda x: nb.where(x > 0.0, nb.cond(x > -1.0, nb.sqrt, nb.sin, x), 0.0)
    assert nb.grad(g)(0.0).item() == 0.0
    h = lambda x: nb.where(x > 0.0, nb.while_loop(lambda v: v[0] < 2, lambda v: (v[0] + 1, nb.sqrt(v[1])), (0, x))[1], 0.0)
    assert nb.grad(h)(0.0).item() == 0.0
    inside = lambda x: nb.scan(lambda c, t: (c + nb.where(t > 0.0, nb.sqrt(c * t), 0.0), None), x, nb.array([0.0, 1.0]))[0]
    same(nb.grad(inside)(4.0), 1.25)
    by_lane = lambda x: nb.cond(x > 0.0, lambda y: y * nb.log(y), lambda y: 0.0 * y, x)
    same(nb.vmap(nb.grad(by_lane))(nb.array([0.0, 1.0])), [0.0, 1.0])


def test_cond_takes_numbers_and_switch_the_nearest_branch():
    assert nb.cond(2, lambda: 1.0, lambda: 2.0).item() == 1.0
    assert nb.cond(nb.array(0.0), lambda: 1.0, lambda: 2.0).item() == 2.0
    branches = [lambda: 0, lambda: 1, lambda: 2]
    assert [nb.switch(i, branches).item() for i in (-5, 0, 1, 2, 9)] == [0, 0, 1, 2, 2]
    assert nb.vmap(lambda i: nb.switch(i, branches))(nb.array([-5, 0, 1, 2, 9])).tolist() == [0, 0, 1, 2, 2]
    assert nb.vmap(lambda i: nb.switch(i, branches[:1]))(nb.array([-5, 3])).tolist() == [0, 0]


def test_only_the_branch_that_is_chosen_runs():
    x = nb.array(-np.eye(2))  # cholesky raises where it runs eagerly
    assert nb.cond(True, lambda a: a.sum(), lambda a: nb.linalg.cholesky(a).sum(), x).item() == -2.0


def test_fori_loop_with_bounds_that_are_values():
    f = lambda n, x: nb.fori_loop(0, n, lambda i, v: v * x + i, x)
    assert f(nb.array(3), nb.array(2.0)).item() == ((2.0 * 2.0 + 0) * 2.0 + 1) * 2.0 + 2
    same(nb.vmap(f, in_axes=(0, None))(nb.array([0, 1, 3]), 2.0), [2.0, 4.0, 20.0])
    same(nb.grad(f, argnums=1)(nb.array(3), 2.0), nb.grad(lambda x: ((x * x + 0) * x + 1) * x + 2)(2.0))
    assert nb.fori_loop(5, 2, lambda i, v: v + 1, 7).item() == 7


PASSED_ON = {
    "cond": lambda x: nb.cond(True, lambda x: x, lambda x: x * 2, x),
    "while_loop": lambda x: nb.while_loop(lambda v: v.sum() < -5, lambda v: v * 2, x),
    "scan": lambda x: nb.scan(lambda c, _: (c, None), x, length=3)[0],
    "where": lambda x: nb.where(nb.array(True), x, x * 2),
    "checkpoint": lambda x: nb.checkpoint(lambda y: y)(x),
}


@pytest.mark.parametrize("name", PASSED_ON)
def test_a_result_is_not_the_memory_of_an_array_that_was_given(name):
    for f in (PASSED_ON[name], jit(PASSED_ON[name])):
        given = np.ones(3)
        result = f(nb.array(given)) if f is PASSED_ON[name] else f(given)
        given[0] = 7.0
        assert result.tolist() == [1.0, 1.0, 1.0]


# ---- unroll, max_steps, batch_size, associative_scan --------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("unroll", [1, 2, 3, 5, 7, 8, True])
def test_unroll_changes_nothing(unroll, reverse):
    xs = nb.array([1.0, 0.5, -0.3, 0.2, 0.7, -1.1, 0.4])

    def f(x, xs):
        (c, n), ys = nb.scan(lambda c, r: ((nb.sin(c[0]) * x + r, c[1] + 1), c[0] * r), (x, 0), xs, reverse=reverse, unroll=unroll)
        return c + (ys * nb.arange(7.0)).sum() + n

    def rolled(x, xs):
        (c, n), ys = nb.scan(lambda c, r: ((nb.sin(c[0]) * x + r, c[1] + 1), c[0] * r), (x, 0), xs, reverse=reverse)
        return c + (ys * nb.arange(7.0)).sum() + n

    assert f(0.7, xs).item() == rolled(0.7, xs).item()
    for a, b in zip(nb.grad(f, argnums=(0, 1))(0.7, xs), nb.grad(rolled, argnums=(0, 1))(0.7, xs)):
        same(a, b, rtol=1e-13)
    same(nb.vmap(f, in_axes=(0, None))(LANES, xs), nb.vmap(rolled, in_axes=(0, None))(LANES, xs), rtol=1e-14)


def test_unroll_writes_so_many_steps_into_a_turn():
    step = lambda c, x: (nb.sin(c) + x, None)
    text = str(jit(lambda x: nb.scan(step, 0.0, x, unroll=4)[0]).lower(nb.arange(10.0)))
    assert text.count("sin") == 2 and text.count("scan") == 1  # the two that are left over
    text = str(jit(lambda x: nb.scan(step, 0.0, x, unroll=True)[0]).lower(nb.arange(10.0)))
    assert text.count("sin") == 9 and "scan" not in text  # the first is that of a number
    assert nb.scan(step, 0.0, nb.arange(0.0), unroll=4)[0].item() == 0.0


@pytest.mark.parametrize("most", [0, 1, 5, 1000])
def test_max_steps(most):
    f = lambda x: nb.while_loop(lambda v: v < 50.0, lambda v: v * x + 1.0, x, max_steps=most)

    def unrolled(x):
        v, steps = x, 0
        while v < 50.0 and steps < most:
            v, steps = v * x + 1.0, steps + 1
        return v

    for transform in ("value", "grad", "jvp", "grad of grad", "jvp of grad", "grad of jit"):
        same(TRANSFORMS[transform](f)(nb.array(1.3)), plain(transform)(unrolled)(nb.array(1.3)), rtol=1e-12)
    same(nb.vmap(f)(LANES + 1), [unrolled(nb.array(x)).item() for x in LANES + 1], rtol=1e-14)
    same(nb.vmap(nb.grad(f))(LANES + 1), [nb.grad(unrolled)(x) for x in LANES + 1], rtol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10])
def test_map_in_batches(size):
    xs = {"a": nb.arange(7.0), "b": nb.arange(14.0).reshape(7, 2)}
    f = lambda x: (nb.sin(x["a"]) * x["b"], {"s": x["b"].sum()})
    for a, b in zip(nb.tree.leaves(nb.map(f, xs, batch_size=size)), nb.tree.leaves(nb.map(f, xs))):
        same(a, b, rtol=1e-15)
    g = lambda v: (nb.map(lambda x: x * nb.exp(-x), v, batch_size=size) ** 2).sum()
    same(nb.grad(g)(nb.arange(7.0)), nb.grad(lambda v: ((v * nb.exp(-v)) ** 2).sum())(nb.arange(7.0)), rtol=1e-14)
    assert nb.map(lambda x: x * 2, nb.zeros((0, 3)), batch_size=size).shape == (0, 3)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(n, reverse):
    rng = np.random.default_rng(n)
    a, b = rng.uniform(0.5, 1.5, (2, n, 3)), rng.normal(size=(2, n))
    matrices = rng.normal(size=(n, 2, 2))
    order = slice(None, None, -1) if reverse else slice(None)
    same(nb.associative_scan(nb.multiply, a, reverse=reverse, axis=1), np.cumprod(a[:, order], 1)[:, order], rtol=1e-13)
    found = nb.associative_scan(lambda x, y: {"s": x["s"] + y["s"]}, {"s": b}, reverse=reverse, axis=-1)["s"]
    same(found, np.cumsum(b[:, order], 1)[:, order], rtol=1e-13, atol=1e-15)
    product, rows = np.eye(2), []
    for m in matrices[order]:
        product = m @ product if reverse else product @ m
        rows.append(product)
    combine = nb.vmap(lambda x, y: x @ y)
    if n:
        same(nb.associative_scan(combine, matrices, reverse=reverse), np.array(rows)[order], rtol=1e-11, atol=1e-14)
    weights = rng.normal(size=(2, n, 3))
    f = lambda x: (nb.associative_scan(nb.multiply, x, reverse=reverse, axis=1) * weights).sum()
    g = lambda x: (nb.flip(nb.cumprod(nb.flip(x, axis=1), axis=1), axis=1) if reverse else nb.cumprod(x, axis=1)) * weights
    same(nb.grad(f)(a), nb.grad(lambda x: g(x).sum())(a), rtol=1e-12)
    if n == 4:
        same(nb.hessian(f)(a), nb.hessian(lambda x: g(x).sum())(a), rtol=1e-11, atol=1e-13)


def test_associative_scan_takes_few_rounds():
    calls = []
    nb.associative_scan(lambda x, y: (calls.append(x.shape), x + y)[1], nb.arange(1000.0))
    assert len(calls) <= 2 * 10


# ---- gradients of what all steps share ------------------------------------------------------------------------------------


def recurrent(w, u, b, xs, scan):
    def step(c, x):
        z = x @ w + c @ u + b
        return nb.tanh(z[..., :6]) * nb.sigmoid(z[..., 6:]) + 0.1 * (c @ (u + 1.0)) @ nb.ones((12, 6)), z.sum()

    c, ys = scan(step, nb.zeros((2, 6)), xs)
    return (c * c).sum() + ys.sum()


def python_scan(step, c, xs):
    ys = []
    for i in range(xs.shape[0]):
        c, y = step(c, xs[i])
        ys.append(y)
    return c, nb.stack(ys)


def weights():
    rng = np.random.default_rng(5)
    return [nb.array(rng.normal(size=shape)) for shape in ((3, 12), (6, 12), (12,), (4, 2, 3))]


def test_weights_of_a_recurrent_network():
    args = weights()
    rolled = lambda *args: recurrent(*args, nb.scan)
    unrolled = lambda *args: recurrent(*args, python_scan)
    for reverse in (nb.grad(rolled, argnums=(0, 1, 2, 3)), jit(nb.grad(rolled, argnums=(0, 1, 2, 3)))):
        for a, b in zip(reverse(*args), nb.grad(unrolled, argnums=(0, 1, 2, 3))(*args)):
            same(a, b, rtol=1e-11, atol=1e-14)
    along_w = lambda f: nb.grad(lambda w: (nb.grad(f)(w, *args[1:]) ** 2).sum())(args[0])
    same(along_w(rolled), along_w(unrolled), rtol=1e-10, atol=1e-13)
    many = nb.stack([args[1], args[1] * 0.5])
    per_lane = lambda f: nb.vmap(lambda u: nb.grad(f, argnums=1)(args[0], u, *args[2:]))(many)
    same(per_lane(rolled), per_lane(unrolled), rtol=1e-10, atol=1e-13)


def test_products_of_weights_are_summed_up_after_the_loop():
    text = str(jit(nb.grad(lambda *args: recurrent(*args, nb.scan), argnums=(0, 1))).lower(*weights()))
    assert text.count("dot_general") == 3  # of w once, of u for each of its two uses
    backwards = [line for line in text.splitlines() if "scan" in line][-1]
    assert "float64[3,12]" not in backwards.split("=")[0] and "float64[6,12]" not in backwards.split("=")[0]
