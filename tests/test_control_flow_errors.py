"""Control flow: what it refuses and how it says so, what it leaves behind, how much memory it takes."""

import gc
import re
import tracemalloc
import weakref

import numpy as np
import pytest

import nabla as nb
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, EndedTransformError, ShapeError, TracedValueError, TreeError


def jit(f):
    return nb.jit(f, engine="numpy")


ROWS = nb.arange(3.0)
same_carry = lambda c, x: (c, c)
CALLS = {
    "scan: the carry must keep its structure": (TreeError, lambda: nb.scan(lambda c, x: ((c, c), x), 0.0, ROWS)),
    "scan: carry goes in as float64[] and comes out as float64[2]; it must keep its shape and dtype": (
        ShapeError, lambda: nb.scan(lambda c, x: (nb.stack([c, c]), x), 0.0, ROWS)),
    "scan: carry['a'] goes in as float64[] and comes out as complex128[]": (
        ShapeError, lambda: nb.scan(lambda c, x: ({"a": c["a"] * 1j}, x), {"a": nb.array(0.0)}, ROWS)),
    "scan: f must return a pair (carry, y); it returned a Tensor": (ArgumentTypeError, lambda: nb.scan(lambda c, x: c, 0.0, ROWS)),
    "scan: xs[1] has 4 rows, where 3 are wanted": (ShapeError, lambda: nb.scan(same_carry, 0.0, (ROWS, nb.arange(4)))),
    "scan: xs has 3 rows, where 4 are wanted": (ShapeError, lambda: nb.scan(same_carry, 0.0, ROWS, length=4)),
    "scan: without xs the number of steps is not known; give length=": (ArgumentError, lambda: nb.scan(same_carry, 0.0)),
    "scan: length is at least 0; got -1": (ArgumentError, lambda: nb.scan(same_carry, 0.0, length=-1)),
    "scan: length is an int; got 'many'": (ArgumentTypeError, lambda: nb.scan(same_carry, 0.0, length="many")),
    "scan: unroll is at least 1; got 0": (ArgumentError, lambda: nb.scan(same_carry, 0.0, ROWS, unroll=0)),
    "scan: unroll is an int; got 1.5": (ArgumentTypeError, lambda: nb.scan(same_carry, 0.0, ROWS, unroll=1.5)),
    "scan: xs has shape (), and so no axis to go along": (ShapeError, lambda: nb.scan(same_carry, 0.0, 3.0)),
    "scan takes a function; got float": (ArgumentTypeError, lambda: nb.scan(1.0, 0.0, ROWS)),
    "cond: false_fun and true_fun return different structures": (
        TreeError, lambda: nb.cond(True, lambda: 1.0, lambda: (1.0, 2.0))),
    "cond: output of false_fun is float64[3], of true_fun float64[2]; branches must agree in shapes and dtypes": (
        ShapeError, lambda: nb.cond(True, lambda: nb.zeros(2), lambda: nb.zeros(3))),
    "cond: output['x'] of false_fun is int64[2], of true_fun float64[2]": (
        ShapeError, lambda: nb.cond(True, lambda: {"x": nb.zeros(2)}, lambda: {"x": nb.arange(2)})),
    "cond: what decides is one number, of shape (); it has shape (1,). To choose for each element use nb.where.": (
        ShapeError, lambda: nb.cond(nb.array([True]), lambda: 1.0, lambda: 2.0)),
    "switch: index is one integer; it has dtype float64": (DTypeError, lambda: nb.switch(0.5, [lambda: 1.0])),
    "switch: branches is a sequence of one or more functions; got []": (ArgumentTypeError, lambda: nb.switch(0, [])),
    "while_loop: cond_fun must return one boolean of shape (); it returned float64[]": (
        DTypeError, lambda: nb.while_loop(lambda v: v, lambda v: v, 1.0)),
    "while_loop: cond_fun must return one boolean of shape (); it returned bool[2]": (
        DTypeError, lambda: nb.while_loop(lambda v: v < 1, lambda v: v, nb.zeros(2))),
    "while_loop: cond_fun must return one boolean of shape (); it returned nothing": (
        DTypeError, lambda: nb.while_loop(lambda v: None, lambda v: v, 1.0, max_steps=3)),
    "while_loop: carry goes in as int64[] and comes out as float64[]": (
        ShapeError, lambda: nb.while_loop(lambda v: v < 3, lambda v: v * 0.5, nb.array(1))),
    "while_loop: max_steps is at least 0; got -2": (
        ArgumentError, lambda: nb.while_loop(lambda v: v < 3, lambda v: v, 1, max_steps=-2)),
    "while_loop: init_val['x'] is a str; give numbers, arrays, tensors or pytrees of these": (
        ArgumentTypeError, lambda: nb.while_loop(lambda v: True, lambda v: v, {"x": "a"})),
    "fori_loop: lower and upper are integers, of shape ()": (DTypeError, lambda: nb.fori_loop(0.5, 3, lambda i, v: v, 1.0)),
    "map: batch_size is at least 1; got 0": (ArgumentError, lambda: nb.map(nb.sin, ROWS, batch_size=0)),
    "scan: the function returned a str at output[1]": (ArgumentTypeError, lambda: nb.map(lambda x: "a", ROWS)),
    "associative_scan: the arrays need one length along axis 0 in common; they have shapes (3,), (2,)": (
        ShapeError, lambda: nb.associative_scan(lambda x, y: x, (ROWS, nb.arange(2)))),
    "associative_scan: output of fn is float64[] for float64[1]; fn must keep shapes and dtypes": (
        ShapeError, lambda: nb.associative_scan(lambda x, y: (x + y).sum(), ROWS)),
    "associative_scan: fn must keep the structure": (TreeError, lambda: nb.associative_scan(lambda x, y: (x, y), ROWS)),
    "associative_scan: elems has no arrays": (ArgumentError, lambda: nb.associative_scan(nb.add, None)),
}  # fmt: skip


@pytest.mark.parametrize("text", CALLS)
def test_what_is_refused(text):
    kind, call = CALLS[text]
    with pytest.raises(kind, match=re.escape(text)):
        call()


BODIES = {
    "cond": lambda f: nb.cond(True, f, f, 1.0),
    "branch not taken": lambda f: nb.cond(False, f, lambda x: x, 1.0),
    "switch": lambda f: nb.switch(1, [f, f], 1.0),
    "while_loop": lambda f: nb.while_loop(lambda v: v < 3.0, f, 1.0),
    "condition": lambda f: nb.while_loop(lambda v: f(v) < 3.0, lambda v: v + 1.0, 1.0),
    "scan": lambda f: nb.scan(lambda c, x: (f(c), None), 1.0, ROWS),
    "fori_loop": lambda f: nb.fori_loop(0, 3, lambda i, v: f(v), 1.0),
    "map": lambda f: nb.map(f, ROWS),
}


@pytest.mark.parametrize("name", BODIES)
def test_reading_a_value_inside_says_where_and_what_to_do(name):
    def body(x):
        return x if x > 0.0 else -x  # read here

    with pytest.raises(
        TracedValueError, match=r"test_control_flow_errors.py:\d+.*Use nb.where, nb.cond or nb.while_loop"
    ) as caught:
        BODIES[name](body)
    line = body.__code__.co_firstlineno + 1
    assert f"test_control_flow_errors.py:{line}" in str(caught.value)
    with pytest.raises(TracedValueError):
        BODIES[name](lambda x: x * float(x))


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("value", ["number", "traced"])
def test_a_write_to_a_tensor_from_outside_raises_at_its_line(name, value):
    outside = nb.zeros(3)

    def body(x):
        outside[1] = x if value == "traced" else 5.0  # written here
        return x

    with pytest.raises(TracedValueError, match="Return the new value instead, in a loop as part of what it carries") as caught:
        BODIES[name](body)
    assert f"test_control_flow_errors.py:{body.__code__.co_firstlineno + 1}" in str(caught.value)
    assert outside.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(TracedValueError):
        jit(lambda x: BODIES[name](body))(1.0)
    view = outside[1:]

    def through_a_view(x):
        view[0] = x
        return x

    with pytest.raises(TracedValueError):
        BODIES[name](through_a_view)
    assert outside.tolist() == [0.0, 0.0, 0.0]


def test_writes_to_tensors_of_the_body_itself_are_its_own():
    def step(c, x):
        own = nb.zeros(3)
        own[1] = x
        c[0] += x
        return c, own

    start = nb.zeros(2)
    last, ys = nb.scan(step, start, nb.array([1.0, 2.0]))
    assert last.tolist() == [3.0, 0.0] and start.tolist() == [0.0, 0.0]
    assert ys.tolist() == [[0.0, 1.0, 0.0], [0.0, 2.0, 0.0]]


def test_a_value_that_leaves_its_body_says_so():
    kept = []
    nb.scan(lambda c, x: (kept.append(c), (c, x))[1], 0.0, ROWS)
    with pytest.raises(EndedTransformError, match=r"belongs to the scan at .*test_control_flow_errors\.py"):
        kept[0] + 1.0


@pytest.mark.parametrize("name", BODIES)
def test_an_exception_inside_a_body_leaves_nothing_behind(name):
    made = []

    def body(x):
        y = x * 2.0
        made.append(weakref.ref(y._node))
        raise KeyError("own")

    gc.collect()
    gc.disable()
    try:
        x = nb.array(1.0)
        before = x._node
        with pytest.raises(KeyError, match="own"):
            nb.grad(lambda x: BODIES[name](lambda y: body(y * x)))(x)
        assert made[0]() is None and x._node is before
    finally:
        gc.enable()
    assert nb.grad(lambda x: nb.cond(x > 0, nb.sin, nb.cos, x))(0.0).item() == 0.0  # the next call works


PROGRAMS = {
    "cond": lambda x: nb.cond(x > 0.0, nb.sin, nb.cos, x),
    "while_loop": lambda x: nb.while_loop(lambda v: v < 9.0, lambda v: v * 2.0 + x, x),
    "scan": lambda x: nb.scan(lambda c, r: (nb.sin(c) * x, c * r), x, ROWS)[1].sum(),
    "nested": lambda x: nb.scan(lambda c, r: (nb.while_loop(lambda v: v < 9.0, lambda v: v * 2.0 + x, c * r), None), x, ROWS)[0],
    "jit": lambda x: jit(lambda x: nb.while_loop(lambda v: v < 9.0, lambda v: v * 2.0 + x, x))(x),
}
USES = {
    "value": lambda f, x: f(x),
    "grad": lambda f, x: nb.grad(f)(x),
    "jvp": lambda f, x: nb.jvp(f, (x,), (1.0,))[1],
    "vmap": lambda f, x: nb.vmap(f)(nb.stack([x, x])),
    "vmap of grad": lambda f, x: nb.vmap(nb.grad(f))(nb.stack([x, x])),
    "grad of grad": lambda f, x: nb.grad(nb.grad(f))(x),
    "pullback": lambda f, x: nb.vjp(f, x)[1](1.0)[0],
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_is_kept_alive_with_the_collector_off(name, use):
    x = nb.array(1.5)
    USES[use](PROGRAMS[name], x).tolist()
    gc.collect()
    gc.disable()
    try:
        y = x * 1.0
        watch = weakref.ref(y._node)
        result = USES[use](PROGRAMS[name], y)
        result.tolist()
        del y
        assert watch() is None
    finally:
        gc.enable()


def peak(f):
    f()
    gc.collect()
    tracemalloc.start()
    f()
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size


def test_reverse_mode_of_while_loop_takes_the_same_memory_for_any_number_of_steps():
    def gradient(n):
        loop = lambda w: nb.while_loop(lambda v: v[0] < n, lambda v: (v[0] + 1, nb.sin(v[1] * w)), (0, w))[1].sum()
        run = jit(nb.grad(loop))
        w = nb.ones(1000)
        return lambda: run(w).numpy()

    few, many = peak(gradient(150)), peak(gradient(1500))
    assert many < 1.5 * few and many < 6e6  # 1500 carries are 12 MB


def test_derivatives_of_second_order_keep_few_checkpoints_of_checkpoints():
    loop = lambda w: nb.while_loop(lambda v: v[0] < 40, lambda v: (v[0] + 1, nb.sin(v[1] * w)), (0, w))[1].sum()
    run = jit(nb.grad(lambda w: nb.grad(loop)(w).sum()))
    w = nb.ones(100)
    assert peak(lambda: run(w).numpy()) < 10e6  # 129 times 129 carries are 13 MB, and that is held several times


@pytest.mark.parametrize("in_a_branch", [False, True])
def test_a_loop_in_a_scan_does_not_keep_its_checkpoints_for_each_step(in_a_branch):
    def inner(c, x):
        return nb.while_loop(lambda v: v[0] < 3, lambda v: (v[0] + 1, nb.sin(v[1] * x)), (0, c))[1]

    def step(c, x):
        return nb.cond(c.sum() > -1e9, inner, lambda c, x: c, c, x) if in_a_branch else inner(c, x)

    run = jit(nb.grad(lambda x: nb.scan(lambda c, _: (step(c, x), None), x, length=50)[0].sum()))
    x = nb.ones(100)
    assert peak(lambda: run(x).numpy()) < 2e6  # 50 times 129 carries are 5 MB


def test_float32_and_complex_carries_keep_their_dtype_in_errors_and_results():
    out = nb.while_loop(lambda v: nb.abs(v).max() < 4.0, lambda v: v * 2.0, nb.ones(2, dtype=nb.complex64))
    assert out.dtype == nb.complex64 and np.all(out.numpy() == 4.0)


def test_a_traced_index_of_an_ndarray_says_what_to_write():
    rows = np.arange(3.0)
    with pytest.raises(TracedValueError, match=r"while scan .* write nb.asarray\(x\)\[i\] where x is an ndarray"):
        nb.fori_loop(0, 3, lambda i, total: total + rows[i], 0.0)
    assert nb.fori_loop(0, 3, lambda i, total: total + nb.asarray(rows)[i], 0.0) == 3.0
