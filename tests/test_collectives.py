"""Named axes: psum, pmean, pmax, pmin, axis_index, axis_size and reduce_axes, their derivatives, and nesting."""

import numpy as np
import pytest

import nabla as nb

close = np.testing.assert_allclose

X = np.array([0.3, 1.9, -0.7, 1.1])
M = np.array([[0.3, 1.9, -0.7], [1.1, 0.4, 2.2]])

COLLECTIVES = {
    "psum": (nb.psum, np.sum),
    "pmean": (nb.pmean, np.mean),
    "pmax": (nb.pmax, np.max),
    "pmin": (nb.pmin, np.min),
}


@pytest.fixture(params=COLLECTIVES)
def pair(request):
    return COLLECTIVES[request.param]


def along(f):
    """A function of one lane as a function of the whole."""
    return nb.vmap(f, axis_name="i")


# ---- values ---------------------------------------------------------------------------------------------------


def test_every_lane_gets_the_same(pair):
    collective, reference = pair
    assert along(lambda x: collective(x, "i"))(X).tolist() == [reference(X)] * 4
    close(along(lambda x: x * collective(nb.sin(x), "i"))(X), X * reference(np.sin(X)))


def test_of_arrays_it_is_taken_element_by_element(pair):
    collective, reference = pair
    found = nb.vmap(lambda row: collective(row, "i"), axis_name="i")(M)
    close(found, np.broadcast_to(reference(M, axis=0), M.shape))
    found = nb.vmap(lambda column: collective(column, "i"), in_axes=1, out_axes=None, axis_name="i")(M)
    close(found, reference(M, axis=1))


def test_of_pytrees_it_is_taken_leaf_by_leaf(pair):
    collective, reference = pair
    found = along(lambda x: collective({"a": x, "b": (2.0 * x, None)}, "i"))(X)
    close(found["a"], reference(X))
    close(found["b"][0], reference(2.0 * X))
    assert found["b"][1] is None


@pytest.mark.parametrize(("name", "expected"), [("psum", 12.0), ("pmean", 3.0), ("pmax", 3.0), ("pmin", 3.0)])
def test_of_what_is_the_same_in_every_lane(name, expected):
    collective, _ = COLLECTIVES[name]
    assert along(lambda x: collective(3.0, "i"))(X).tolist() == [expected] * 4
    outside = nb.array(3.0)
    assert nb.vmap(lambda x: collective(outside, "i"), axis_name="i", out_axes=None)(X).item() == expected
    assert along(lambda x: collective(collective(x * 0.0 + 3.0, "i") / expected * 3.0, "i"))(X).tolist() == [expected] * 4


def test_integers_stay_integers_but_for_the_mean():
    n = np.array([3, 1, 2])
    for name, value in (("psum", 6), ("pmax", 3), ("pmin", 1)):
        out = along(lambda n: COLLECTIVES[name][0](n, "i"))(n)
        assert (out.dtype, out.tolist()) == (nb.int64, [value] * 3)
    mean = along(lambda n: nb.pmean(n, "i"))(n)
    assert (mean.dtype, mean.tolist()) == (nb.float64, [2.0] * 3)
    assert along(lambda x: nb.pmean(x, "i"))(X.astype(np.float32)).dtype == nb.float32


def test_small_integers_and_booleans():
    assert along(lambda x: nb.psum(x > 0.0, "i"))(X).tolist() == [3] * 4
    assert along(lambda x: nb.pmean(x > 0.0, "i"))(X).tolist() == [0.75] * 4
    assert along(lambda x: nb.pmax(x > 1.0, "i"))(X).tolist() == [True] * 4
    assert along(lambda x: nb.pmin(x > 1.0, "i"))(X).tolist() == [False] * 4
    many = np.full(4, 100, np.int8)
    assert along(lambda n: nb.psum(n, "i"))(many).tolist() == [400] * 4
    for extremes in (np.array([0, 3, 255], np.uint8), np.array([-(2**63), 2**63 - 1, 0])):
        both = along(lambda n: (nb.pmin(n, "i"), nb.pmax(n, "i")))(extremes)
        assert both[0].tolist() == [extremes.min()] * 3
        assert both[1].tolist() == [extremes.max()] * 3
        assert both[0].dtype == extremes.dtype


def test_of_python_numbers_it_is_a_number_at_once():
    def f(x):
        return x * nb.ones(int(nb.psum(1, "i"))) if nb.psum(2.0, "i") == 8.0 and nb.pmax(3, "i") == 3 else None

    assert along(f)(X).shape == (4, 4)
    assert nb.vmap(along(lambda x: float(nb.psum(1, ("i", "j"))) * x), axis_name="j")(M).tolist() == (6.0 * M).tolist()


def test_nan_and_order():
    values = np.array([1.0, np.nan, 2.0])
    assert np.isnan(along(lambda x: nb.pmax(x, "i") + nb.pmin(x, "i"))(values)).all()
    for name in ("pmax", "pmin"):
        with pytest.raises(nb.DTypeError, match=f"{name}: complex numbers have no order"):
            along(lambda x: COLLECTIVES[name][0](x * 1j, "i"))(X)
    assert along(lambda x: nb.psum(x * 1j, "i"))(X)[0].item() == 1j * X.sum()


def test_the_index_and_the_size():
    f = along(lambda x: (nb.axis_index("i"), x * nb.axis_index("i"), nb.axis_size("i"), nb.psum(1, "i")))
    index, product, size, count = f(X)
    assert (index.tolist(), index.dtype) == ([0, 1, 2, 3], nb.int64)
    close(product, X * np.arange(4))
    assert size.tolist() == [4] * 4
    assert count.tolist() == [4] * 4
    sizes = []
    along(lambda x: sizes.append(nb.axis_size("i")) or x)(X)
    assert sizes == [4]
    assert type(sizes[0]) is int


def test_the_index_where_nothing_is_mapped():
    squares = nb.vmap(lambda: nb.axis_index("i") ** 2, axis_size=4, axis_name="i")()
    assert squares.tolist() == [0, 1, 4, 9]
    picked = nb.vmap(lambda table: table[nb.axis_index("i")], in_axes=None, axis_size=3, axis_name="i")(nb.array([5.0, 6.0, 7.0]))
    assert picked.tolist() == [5.0, 6.0, 7.0]


def test_no_lanes_at_all():
    for collective, _ in COLLECTIVES.values():
        assert along(lambda x: collective(x, "i"))(np.ones(0)).shape == (0,)
    assert nb.vmap(lambda x: nb.psum(x, "i"), out_axes=None, axis_name="i")(np.ones((0, 2))).tolist() == [0.0, 0.0]


# ---- nesting --------------------------------------------------------------------------------------------------


def test_axes_of_nested_vmaps(pair):
    collective, reference = pair

    def table(f):
        return nb.vmap(nb.vmap(f, axis_name="j"), axis_name="i")(M)

    close(table(lambda x: collective(x, "i")), np.broadcast_to(reference(M, axis=0), M.shape))
    close(table(lambda x: collective(x, "j")), np.broadcast_to(reference(M, axis=1)[:, None], M.shape))
    for both in (("i", "j"), ["j", "i"]):
        close(table(lambda x: collective(x, both)), np.full(M.shape, reference(M)))
    close(table(lambda x: x + nb.axis_index("i") * 10.0 + nb.axis_index("j")), M + np.add.outer([0.0, 10.0], [0.0, 1.0, 2.0]))


def test_the_inner_axis_hides_an_outer_one_of_the_same_name():
    found = nb.vmap(nb.vmap(lambda x: nb.psum(x, "i"), axis_name="i"), axis_name="i")(M)
    close(found, np.broadcast_to(M.sum(axis=1)[:, None], M.shape))


def test_an_inner_vmap_without_a_name_between():
    f = lambda row: nb.vmap(lambda x: x / nb.psum(x, "i"))(row)
    close(nb.vmap(f, axis_name="i")(M), M / M.sum(axis=0))
    chunks = lambda row: nb.vmap(lambda x: x / nb.psum(x, "i"), chunk_size=2)(row)
    close(nb.vmap(chunks, axis_name="i")(M), M / M.sum(axis=0))


def test_reduced_over_the_outer_axis_inside_a_function_of_inner_lanes_and_outer_values():
    def f(row):
        centre = nb.pmean(row, "i")
        return nb.vmap(lambda x, c: (x - c) * nb.psum(x, "j"), axis_name="j")(row, centre)

    close(nb.vmap(f, axis_name="i")(M), (M - M.mean(axis=0)) * M.sum(axis=1)[:, None])


# ---- derivatives ----------------------------------------------------------------------------------------------


def whole(collective):
    """A function of all lanes that uses the collective non-linearly, on the graph of the vmap."""
    return lambda x: along(lambda x: nb.sin(x) * collective(x * nb.exp(0.1 * x), "i") ** 2)(x)


def differences(f, x, h=1e-6):
    steps = h * np.eye(x.size)
    return np.stack([(f(nb.asarray(x + s)).numpy() - f(nb.asarray(x - s)).numpy()) / (2 * h) for s in steps], axis=-1)


def test_both_modes_through_the_vmap_agree_with_differences(pair):
    f = whole(pair[0])
    expected = differences(f, X)
    close(nb.jacfwd(f)(X), expected, rtol=1e-7, atol=1e-9)
    close(nb.jacrev(f)(X), expected, rtol=1e-7, atol=1e-9)
    close(nb.grad(lambda x: (f(x) ** 2).sum())(X), 2.0 * f(X).numpy() @ expected, rtol=1e-7)


def test_second_derivatives_through_the_vmap(pair):
    total = lambda x: (whole(pair[0])(x) ** 2).sum()
    expected = nb.jacfwd(nb.jacfwd(total))(X)
    close(expected, differences(nb.grad(total), X), rtol=1e-6, atol=1e-7)
    for outer in (nb.jacrev, nb.jacfwd):
        for inner in (nb.jacrev, nb.jacfwd, nb.grad):
            close(outer(inner(total))(X), expected, rtol=1e-9, atol=1e-10)


def test_jvp_inside_the_vmap(pair):
    """Each lane moves along its own direction, and the collective sees them all."""
    collective = pair[0]
    dx = np.array([1.0, -0.5, 0.3, 2.0])
    inside = along(lambda x, dx: nb.jvp(lambda x: nb.sin(x) * collective(x * nb.exp(0.1 * x), "i") ** 2, (x,), (dx,))[1])(X, dx)
    outside = nb.jvp(whole(collective), (X,), (dx,))[1]
    close(inside, outside, rtol=1e-13)


def test_reverse_mode_inside_the_vmap_pairs_over_all_lanes(pair):
    """A pullback inside is the pullback of the whole: the cotangents of all lanes go back together."""
    collective = pair[0]
    g = np.array([1.0, -0.5, 0.3, 2.0])
    inside = along(lambda x, g: nb.vjp(lambda x: nb.sin(x) * collective(x * nb.exp(0.1 * x), "i") ** 2, x)[1](g)[0])(X, g)
    _, pullback = nb.vjp(whole(collective), X)
    close(inside, pullback(g)[0], rtol=1e-13)


def test_psum_transposes_to_psum():
    close(along(nb.grad(lambda x: nb.psum(x, "i")))(X), [4.0] * 4)
    close(along(nb.grad(lambda x: nb.pmean(x * x, "i")))(X), 2.0 * X)
    close(along(nb.grad(lambda x: nb.psum(x, "i"), mode="forward"))(X), [4.0] * 4)


def test_lanes_that_share_the_maximum_share_its_derivative():
    tied = np.array([1.0, 3.0, 3.0, 2.0])
    biggest = lambda x: along(lambda x: nb.pmax(x, "i"))(x)[0]
    close(nb.grad(biggest)(tied), [0.0, 0.5, 0.5, 0.0])
    close(nb.grad(biggest, mode="forward")(tied), [0.0, 0.5, 0.5, 0.0])
    smallest = lambda x: along(lambda x: nb.pmin(x, "i"))(x)[0]
    close(nb.grad(smallest)(-tied), [0.0, 0.5, 0.5, 0.0])


def test_the_index_is_constant():
    close(along(nb.grad(lambda x: x**2 * nb.axis_index("i")))(X), 2.0 * X * np.arange(4))
    close(nb.jacfwd(along(lambda x: x * nb.axis_index("i")))(X), np.diag(np.arange(4.0)))


def test_a_function_normalised_over_the_batch():
    """Batch normalisation by pmean, differentiated from outside, against the same written on the whole."""

    def normalised(x):
        centred = x - nb.pmean(x, "batch")
        return centred / nb.sqrt(nb.pmean(centred**2, "batch") + 1e-5)

    def by_hand(x):
        centred = x - x.mean(axis=0)
        return centred / nb.sqrt((centred**2).mean(axis=0) + 1e-5)

    weights = np.arange(6.0).reshape(2, 3)
    loss = lambda x: (nb.vmap(normalised, axis_name="batch")(x) * weights).sum()
    close(nb.grad(loss)(M), nb.grad(lambda x: (by_hand(x) * weights).sum())(M), rtol=1e-9, atol=1e-12)


# ---- reduce_axes ----------------------------------------------------------------------------------------------

W = np.array([0.5, -1.0])
DATA = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.2]])


def loss(w, x):
    return nb.tanh((w * x).sum()) ** 2


def per_example():
    return nb.vmap(nb.grad(loss), in_axes=(None, 0))(W, DATA).numpy()


@pytest.mark.parametrize("axes", ["batch", ("batch",), ["batch"]])
@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_the_gradient_of_an_unmapped_input_is_summed(axes, mode):
    summed = nb.vmap(nb.grad(loss, reduce_axes=axes, mode=mode), in_axes=(None, 0), axis_name="batch", out_axes=None)(W, DATA)
    close(summed, per_example().sum(axis=0), rtol=1e-13)


def test_the_gradient_of_a_mapped_input_stays_per_example():
    both = nb.vmap(nb.grad(loss, argnums=(0, 1), reduce_axes="batch"), in_axes=(None, 0), out_axes=(None, 0), axis_name="batch")
    gw, gx = both(W, DATA)
    close(gw, per_example().sum(axis=0), rtol=1e-13)
    close(gx, nb.vmap(nb.grad(loss, argnums=1), in_axes=(None, 0))(W, DATA))


def test_without_reduce_axes_every_gradient_is_per_example():
    close(nb.vmap(nb.grad(loss), in_axes=(None, 0), axis_name="batch")(W, DATA), per_example())


def test_value_and_grad_and_vjp_reduce_too():
    value_and_grad = nb.vmap(nb.value_and_grad(loss, reduce_axes="batch"), in_axes=(None, 0), out_axes=(0, None), axis_name="batch")
    value, gradient = value_and_grad(W, DATA)
    assert value.shape == (3,)
    close(gradient, per_example().sum(axis=0))

    def by_vjp(w, x):
        _, pullback = nb.vjp(loss, w, x, reduce_axes=("batch",))
        return pullback(1.0)

    gw, gx = nb.vmap(by_vjp, in_axes=(None, 0), out_axes=(None, 0), axis_name="batch")(W, DATA)
    close(gw, per_example().sum(axis=0))
    assert gx.shape == DATA.shape


def test_a_gradient_that_is_the_same_in_every_lane_is_not_summed_again():
    f = lambda w, x: (w * nb.psum(x, "batch")).sum()
    found = nb.vmap(nb.grad(f, reduce_axes="batch"), in_axes=(None, 0), out_axes=None, axis_name="batch")(W, DATA)
    close(found, DATA.sum(axis=0))


def test_reduce_axes_of_nested_vmaps():
    data = np.stack([DATA, 2.0 * DATA])
    each = nb.vmap(nb.vmap(nb.grad(loss), in_axes=(None, 0)), in_axes=(None, 0))(W, data).numpy()

    def mapped(axes, out_axes):
        inner = nb.vmap(nb.grad(loss, reduce_axes=axes), in_axes=(None, 0), out_axes=out_axes[0], axis_name="inner")
        return nb.vmap(inner, in_axes=(None, 0), out_axes=out_axes[1], axis_name="outer")(W, data)

    close(mapped("inner", (None, 0)), each.sum(axis=1), rtol=1e-13)
    close(mapped(("inner", "outer"), (None, None)), each.sum(axis=(0, 1)), rtol=1e-13)
    close(mapped("outer", (0, None)), each.sum(axis=0), rtol=1e-13)


def test_lanes_of_what_was_reduced_over_an_outer_axis_are_the_same_along_it():
    def f(row):
        centre = nb.pmean(row, "outer")  # the same for all rows
        gradient = nb.grad(lambda c, x: c * x, reduce_axes="outer")
        return nb.vmap(gradient)(centre, row), nb.vmap(nb.grad(lambda c: c**2, reduce_axes="outer"))(centre)

    summed, own = nb.vmap(f, axis_name="outer", out_axes=None)(M)
    close(summed, M.sum(axis=0))
    close(own, 2.0 * M.mean(axis=0))


def test_a_summed_gradient_can_be_differentiated():
    total = lambda w: nb.vmap(nb.grad(loss, reduce_axes="batch"), in_axes=(None, 0), out_axes=None, axis_name="batch")(w, DATA)
    plain = lambda w: nb.vmap(loss, in_axes=(None, 0))(w, DATA).sum()
    close(nb.jacrev(total)(W), nb.hessian(plain)(W), rtol=1e-12)
    close(nb.jacfwd(total)(W), nb.hessian(plain)(W), rtol=1e-12)


# ---- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*COLLECTIVES, "axis_index", "axis_size"])
def test_an_axis_that_is_not_there(name):
    call = getattr(nb, name)
    args = () if name.startswith("axis") else (1.0,)
    with pytest.raises(
        nb.AxisError,
        match=rf"{name}: no enclosing vmap has an axis named 'i' .named axes here: none.. Write vmap\(f, axis_name='i'\)",
    ):
        call(*args, "i")
    with pytest.raises(nb.AxisError, match=rf"{name}: no enclosing vmap has an axis named 'k' .named axes here: 'i', 'j'"):
        nb.vmap(nb.vmap(lambda x: call(*args, "k"), axis_name="j"), axis_name="i")(M)
    with pytest.raises(nb.ArgumentTypeError, match=rf"{name}: "):
        along(lambda x: call(*args, 0))(X)


def test_an_axis_that_is_named_twice():
    with pytest.raises(nb.ArgumentError, match=r"psum: \('i', 'i'\) names an axis twice"):
        along(lambda x: nb.psum(x, ("i", "i")))(X)


def test_an_axis_whose_vmap_has_ended():
    along(lambda x: x)(X)
    with pytest.raises(nb.AxisError, match="named axes here: none"):
        nb.psum(1.0, "i")


def test_reduce_axes_that_are_not_there_or_no_names():
    with pytest.raises(nb.AxisError, match="reduce_axes: no enclosing vmap has an axis named 'batch'"):
        nb.grad(loss, reduce_axes="batch")(W, DATA[0])
    for transform in (nb.grad, nb.value_and_grad):
        with pytest.raises(
            nb.ArgumentTypeError, match=f"{transform.__name__}: names of axes are a string or a sequence of strings; got 0"
        ):
            transform(loss, reduce_axes=0)
    with pytest.raises(nb.ArgumentTypeError, match=r"vjp: names of axes are a string or a sequence of strings; got \(1,\)"):
        nb.vjp(loss, W, DATA[0], reduce_axes=(1,))


@pytest.mark.parametrize("name", [0, ("i",), b"i"])
def test_the_name_of_an_axis_is_a_string(name):
    with pytest.raises(nb.ArgumentTypeError, match="vmap: axis_name must be a string; got "):
        nb.vmap(nb.sin, axis_name=name)


# ---- what moves values between lanes --------------------------------------------------------------------------

N = 4
CUBE = np.random.default_rng(1).standard_normal((N, N, 1))
LONG = np.random.default_rng(2).standard_normal((N, 2 * N, 1))
RING = [(i, (i + 1) % N) for i in range(N)]
MOVES = {
    "all_gather": (lambda x: nb.all_gather(x, "i"), CUBE, lambda x: np.stack([x] * N)),
    "all_gather along the last axis": (
        lambda x: nb.all_gather(x, "i", axis=-1), CUBE, lambda x: np.stack([np.moveaxis(x, 0, -1)] * N)
    ),
    "all_gather tiled": (
        lambda x: nb.all_gather(x, "i", axis=1, tiled=True), CUBE, lambda x: np.stack([np.concatenate(x, 1)] * N)
    ),
    "reduce_scatter": (lambda x: nb.reduce_scatter(x, "i"), CUBE, lambda x: x.sum(0)),
    "reduce_scatter tiled": (lambda x: nb.reduce_scatter(x, "i", tiled=True), LONG, lambda x: x.sum(0).reshape(N, 2, 1)),
    "ppermute": (lambda x: nb.ppermute(x, "i", RING), CUBE, lambda x: np.roll(x, 1, 0)),
    "ppermute with gaps": (
        lambda x: nb.ppermute(x, "i", [(3, 0), (0, 2)]), CUBE, lambda x: np.stack([x[3], 0 * x[0], x[0], 0 * x[0]])
    ),
    "all_to_all": (lambda x: nb.all_to_all(x, "i"), CUBE, lambda x: x.swapaxes(0, 1)),
    "all_to_all to another axis": (lambda x: nb.all_to_all(x, "i", 0, 1), CUBE, lambda x: np.moveaxis(x.swapaxes(0, 1), 1, 2)),
    "all_to_all tiled": (
        lambda x: nb.all_to_all(x, "i", 0, 1, tiled=True),
        LONG,
        lambda x: np.stack([np.concatenate([y[2 * i : 2 * i + 2] for y in x], 1) for i in range(N)]),
    ),
}  # fmt: skip


@pytest.fixture(params=MOVES)
def move(request):
    return MOVES[request.param]


def test_what_moves(move):
    f, x, reference = move
    close(along(f)(x), reference(x), rtol=1e-13)
    close(nb.jit(along(f))(x), reference(x), rtol=1e-13)


def test_what_moves_is_differentiated_in_both_modes_and_twice(move):
    f, x, _ = move
    nb.testing.check_grads(lambda y: along(lambda v: nb.sin(f(v)).sum())(y).sum(), (x,), order=2)


def test_what_moves_is_differentiated_inside_the_lanes(move):
    f, x, _ = move
    inside = along(lambda v: nb.vjp(lambda w: nb.sin(f(w)), v)[1](nb.cos(f(v)))[0])(x)
    outside = nb.grad(lambda y: (along(lambda v: nb.sin(f(v)))(y) * nb.cos(along(f)(x))).sum())(x)
    close(inside, outside, atol=1e-13)
    tangents = along(lambda v: nb.jvp(lambda w: nb.sin(f(w)), (v,), (2.0 * v,))[1])(x)
    close(tangents, nb.jvp(along(lambda v: nb.sin(f(v))), (x,), (2.0 * x,))[1], atol=1e-13)


def test_what_moves_under_a_second_vmap(move):
    f, x, reference = move
    both = np.stack([x, 2 * x, -x])
    expected = np.stack([reference(y) for y in both])
    close(nb.vmap(along(f))(both), expected, atol=1e-13)
    close(nb.vmap(nb.vmap(f), in_axes=1, out_axes=1, axis_name="i")(both), expected, atol=1e-13)


def test_what_moves_takes_pytrees_and_what_is_the_same_in_all_lanes(move):
    f, x, reference = move
    same = np.stack([x[0]] * N)
    close(nb.vmap(lambda _: f(x[0]), axis_name="i")(X), reference(same), atol=1e-13)


def test_a_permutation_of_nothing_is_zero():
    assert along(lambda v: nb.ppermute(v, "i", []))(X).tolist() == [0.0] * N


def test_pytrees_move():
    found = along(lambda v: nb.ppermute({"a": v, "b": (2.0 * v,)}, "i", RING))(X)
    close(found["b"][0], 2 * np.roll(X, 1))


def test_what_was_gathered_is_the_same_in_all_lanes():
    close(nb.vmap(lambda v: nb.all_gather(v, "i"), out_axes=None, axis_name="i")(X), X)


def test_a_ring_of_passes_is_a_sum():
    def ring(v):
        total, passing = v, v
        for _ in range(N - 1):
            passing = nb.ppermute(passing, "i", RING)
            total = total + passing
        return total

    close(along(ring)(X), along(lambda v: nb.psum(v, "i"))(X))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda v: nb.ppermute(v, "i", [(0, 9)]), r"ppermute: the pair \(0, 9\) names a lane that is not; there are 4"),
        (lambda v: nb.ppermute(v, "i", [(0, 1), (2, 1)]), r"ppermute: the pair \(2, 1\) names a source or a target that another"),
        (lambda v: nb.ppermute(v, "i", [(0, 1), (0, 2)]), r"ppermute: the pair \(0, 2\) names"),
        (lambda v: nb.reduce_scatter(v, "i"), r"reduce_scatter: axis 0 of shape \(3,\) has to be as long as there are lanes, 4"),
        (lambda v: nb.all_to_all(v, "i", tiled=True), r"all_to_all: axis 0 of shape \(3,\) has to be a multiple of the 4 lanes"),
        (lambda v: nb.all_gather(v, "j"), "all_gather: no enclosing vmap has an axis named 'j'"),
    ],
)
def test_moves_that_cannot_be(f, message):
    with pytest.raises(nb.NablaError, match=message):
        along(f)(np.ones((N, 3)))
