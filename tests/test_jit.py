"""jit: the same values and derivatives as without it, what it reads from outside, what it writes, when it traces again."""

import copy
import gc
import pickle
import threading
import weakref
from dataclasses import dataclass

import numpy as np
import pytest

import nabla as nb
from nabla.errors import ArgumentError, ArgumentTypeError, RecompilationWarning, TracedValueError

close = np.testing.assert_allclose
X = nb.array([0.3, 0.7, -1.2])
Y = nb.array([1.3, -0.7, 0.2])


def f(x, y):
    return (nb.tanh(x * y) * nb.sin(x) / (1 + y * y)).sum()


def jit(fn, **options):
    return nb.jit(fn, engine="numpy", **options)


TRANSFORMS = {
    "value": lambda g: g,
    "grad": lambda g: nb.grad(g, argnums=(0, 1)),
    "grad forward": lambda g: nb.grad(g, argnums=(0, 1), mode="forward"),
    "value_and_grad": nb.value_and_grad,
    "jvp": lambda g: lambda x, y: nb.jvp(g, (x, y), (y, x)),
    "vjp": lambda g: lambda x, y: nb.vjp(g, x, y)[1](2.0),
    "hessian": lambda g: nb.hessian(g, argnums=(0, 1)),
    "hvp": lambda g: lambda x, y: nb.hvp(g, (x, y), (y, x)),
    "vmap": lambda g: lambda x, y: nb.vmap(g, in_axes=(0, None))(nb.stack([x, y, x]), y),
    "vmap of grad": lambda g: lambda x, y: nb.vmap(nb.grad(g), in_axes=(None, 0))(x, nb.stack([x, y])),
    "grad of vmap": lambda g: nb.grad(lambda x, y: nb.vmap(g, in_axes=(0, None))(nb.stack([x, 2.0 * x]), y).sum()),
    "third": lambda g: nb.jacfwd(nb.jacrev(nb.grad(g))),
    "third, other": lambda g: nb.jacrev(nb.jacfwd(nb.jacfwd(g))),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_it_composes_with_every_transform_inside_and_outside(name):
    transform = TRANSFORMS[name]
    wanted = nb.tree.leaves(transform(f)(X, Y))
    for program in (transform(jit(f)), jit(transform(f)), jit(transform(jit(f)))):
        for _ in range(2):
            found = nb.tree.leaves(program(X, Y))
            for a, b in zip(found, wanted, strict=True):
                close(a, b, rtol=1e-13, atol=1e-15)


def test_backward_goes_through():
    w = nb.array([1.0, 2.0], requires_grad=True)
    loss = jit(lambda x: ((w * x) ** 2).sum())
    loss(nb.array([1.0, 3.0])).backward()
    assert w.grad.tolist() == [2.0, 36.0]
    value = loss(nb.array([1.0, 1.0]))
    assert value.item() == 5.0  # read before the backward
    value.backward()
    assert w.grad.tolist() == [4.0, 40.0]


def test_it_is_traced_once_for_each_kind_of_arguments():
    calls = []

    @jit
    def g(x, y=2.0, *, scale=1.0):
        calls.append(x.shape)
        return x * y * scale

    g(X), g(X), g(Y)
    assert len(calls) == g.compilations == 1
    g(nb.stack([X, Y])), g(X.astype("float32")), g(X, 3.0), g(X, 4.0), g(X, y=4.0), g(X, scale=2.0)
    assert len(calls) == 6
    assert g(X.astype("float32"), 3, scale=2.0).dtype == np.float32
    assert g(np.ones(3)).tolist() == [2.0, 2.0, 2.0]
    text = g.explain()
    assert "traced 8 times" in text and "1. the first call with args[0]: float64[3] (" in text
    g.clear_cache()
    g(X)
    assert g.compilations == 9


def test_numbers_of_python_are_weak_as_they_are_without_jit():
    for number in (2, 2.0, True, 2j):
        for dtype in ("float32", "int32", "bool", "complex64"):
            x = nb.ones(2, dtype=dtype)
            assert jit(lambda x, n: x * n)(x, number).dtype == (x * number).dtype


def test_pytrees_go_in_and_out():
    @jit
    def g(tree, *rest, **named):
        return {"sum": tree["a"] + tree["b"][0], "rest": rest, "named": named}

    out = g({"a": 1.0, "b": (X, None)}, Y, k=[X])
    close(out["sum"], X + 1.0)
    close(out["rest"][0], Y)
    close(out["named"]["k"][0], X)
    assert jit(lambda x: None)(X) is None


def test_static_arguments():
    @nb.jit(static_argnames="mode", static_argnums=(1,), engine="numpy")
    def g(x, n, mode="sin"):
        return getattr(nb, mode)(x) * len(range(n))

    close(g(X, 2), 2 * nb.sin(X))
    close(g(X, 3, mode="cos"), 3 * nb.cos(X))
    close(g(X, 3, "cos"), 3 * nb.cos(X))
    close(g(x=X, n=3), 3 * nb.sin(X))
    assert g.compilations == 4
    with pytest.raises(ArgumentTypeError, match=r"args\[1\] is static, and a list has no hash"):
        g(X, [1])
    with pytest.raises(ArgumentTypeError, match=r"args\[0\] is a str, no array.*static_argnames"):
        g("x", 2)
    with pytest.raises(ArgumentTypeError, match="static_argnums is an int"):
        nb.jit(f, static_argnums="x")
    with pytest.raises(ArgumentTypeError, match="static_argnames is a string"):
        nb.jit(f, static_argnames=3)
    with pytest.raises(ArgumentError, match=r"engine names 'abacus'; the engines are"):
        nb.jit(f, engine="abacus")


SCALE = 2.0
WEIGHT = nb.array([1.0, 2.0, 3.0])
TABLE = {"w": [nb.array(2.0)], "n": 3}


def test_what_closures_and_globals_name_is_read_at_each_call():
    global SCALE, WEIGHT
    offset = nb.array(1.0)

    @jit
    def g(x):
        return (x * WEIGHT).sum() * SCALE + offset + TABLE["w"][0] * TABLE["n"]

    def wanted():
        return ((X * WEIGHT).sum() * SCALE + offset + TABLE["w"][0] * TABLE["n"]).item()

    assert g(X).item() == wanted()
    WEIGHT = WEIGHT * 2.0
    offset += 1.0
    TABLE["w"][0] = nb.array(5.0)
    assert g(X).item() == wanted() and g.compilations == 1, g.explain()
    WEIGHT[0] = 100.0
    assert g(X).item() == wanted() and g.compilations == 1, g.explain()
    SCALE = 3.0
    assert g(X).item() == wanted() and g.compilations == 2 and "SCALE changed" in g.explain()
    TABLE["n"] = 4
    assert g(X).item() == wanted() and g.compilations == 3
    WEIGHT = nb.array(1.0)
    assert g(X).item() == wanted() and g.compilations == 4
    SCALE, WEIGHT, TABLE["n"], TABLE["w"][0] = 2.0, nb.array([1.0, 2.0, 3.0]), 3, nb.array(2.0)


def test_a_list_that_becomes_shorter_while_it_is_traced():
    seen = [1, 2, 3]

    def f(x):
        seen.clear()
        return x * 2.0

    g = jit(f)
    close(g(X), X * 2.0)
    seen.append(4)
    close(g(X), X * 2.0)


def helper(x):
    return x * WEIGHT


def test_also_by_functions_that_it_calls():
    global helper, WEIGHT
    old, old_weight = helper, WEIGHT
    g = jit(lambda x: helper(x) + 1.0)
    close(g(X), X * WEIGHT + 1.0)
    WEIGHT = WEIGHT + 1.0
    close(g(X), X * WEIGHT + 1.0)
    helper = lambda x: -x
    close(g(X), 1.0 - X)
    helper, WEIGHT = old, old_weight


def test_two_names_of_one_tensor():
    a = b = nb.array([1.0, 2.0, 3.0])
    g = jit(lambda x: x * a + b)
    close(g(X), X * a + b)
    b = nb.array([0.0, 0.0, 1.0])
    close(g(X), X * a + b)
    assert g.compilations == 2


class Model:
    def __init__(self):
        self.w = nb.array([1.0, 1.0, 1.0])
        self.n = 2

    @nb.jit(engine="numpy")
    def apply(self, x):
        return (self.w * x).sum() * self.n

    @nb.jit(static_argnames="times")
    def scaled(self, x, times):
        return self.w * x * (self.n * times)

    def __call__(self, x):
        return self.w * x


def test_methods_and_self():
    m, other = Model(), Model()
    other.w = nb.array([0.0, 0.0, 1.0])
    close(m.apply(X), 2 * X.sum())
    close(other.apply(X), 2 * X[2])
    m.w = m.w * 5.0
    close(m.apply(X), 10 * X.sum())
    m.n = 3
    close(m.apply(X), 15 * X.sum())
    called = jit(m)
    close(called(X), 5.0 * X)
    m.w = m.w + 1.0
    close(called(X), 6.0 * X)
    g = nb.grad(lambda w: (setattr(other, "w", w), other.apply(X))[1])(nb.array([1.0, 2.0, 3.0]))
    close(g, 2 * X)


def test_a_compiled_function_inside_another_is_only_its_function():
    """What it keeps of its own calls is nothing that the other one reads."""
    scale = nb.array(2.0)
    inner = jit(lambda x: x * scale)
    outer = jit(lambda x: inner(x) + 1.0)
    close(outer(X), 2 * X + 1)
    for size in range(1, 6):
        for _ in range(4):
            inner(np.ones(size))
    close(outer(X), 2 * X + 1)
    assert outer.compilations == 1
    scale = nb.array(3.0)
    close(outer(X), 3 * X + 1)
    assert outer.compilations == 1
    inner = jit(lambda x: x - scale)
    close(outer(X), X - 3 + 1)
    assert outer.compilations == 2


def test_an_object_that_two_functions_read_is_followed_for_both():
    class Layer:
        def __init__(self, w):
            self.w = nb.array(w)
            self.act = jit(lambda x: x * self.w)

        def __call__(self, x):
            return self.act(x)

    class Net:
        def __init__(self):
            self.layers = [Layer(2.0), Layer(3.0)]

        def __call__(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    net = Net()
    f = jit(net)
    close(f(X), 6 * X)
    net.layers[1].w = nb.array(10.0)
    close(f(X), 20 * X)
    assert f.compilations == 1


def test_a_compiled_function_may_call_itself():
    product = jit(lambda x: x[0] * product(x[1:]) if len(x) > 1 else x[0])
    close(product(nb.array([2.0, 3.0, 4.0])), 24.0)
    close(product(nb.array([2.0, 3.0, 4.0])), 24.0)
    assert product.compilations == 1


def test_an_object_is_not_kept_by_its_compiled_methods():
    m = Model()
    close(m.apply(X), 2 * X.sum())
    close(nb.grad(m.apply)(X), 2 * np.ones(3))
    close(Model().apply(X), 2 * X.sum())  # nobody else holds the object while it is called
    close(m.scaled(X, 3), 6 * X)
    gone, apply = weakref.ref(m), m.apply
    assert m.apply is apply
    del m
    close(apply(X), 2 * X.sum())
    del apply
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_of_an_object_compiles_its_own_methods(copied):
    m = Model()
    close(m.apply(X), 2 * X.sum())
    other = copied(m)
    other.w = nb.array([0.0, 0.0, 1.0])
    close(other.apply(X), 2 * X[2])
    close(m.apply(X), 2 * X.sum())


def test_methods_of_equal_objects_and_of_those_that_take_no_attributes():
    @dataclass
    class Scale:  # equal where their fields are, so that it has no hash
        by: float

        @jit
        def apply(self, x):
            return self.by * x

    one, other = Scale(2.0), Scale(2.0)
    close(one.apply(X), 2 * X)
    other.by = 3.0
    close(other.apply(X), 3 * X)
    close(one.apply(X), 2 * X)

    class Bare:
        __slots__ = ("__weakref__",)

        @jit
        def apply(self, x):
            return x

    with pytest.raises(ArgumentTypeError, match=r"kept in its __dict__, which a Bare does not have; add '__dict__'"):
        Bare().apply(X)


class Box:
    pass


def far():
    box = Box()
    box.a = Box()
    box.a.b = Box()
    box.a.b.c = Box()
    box.a.b.c.d = Box()
    box.a.b.c.d.state = nb.array([1.0, 1.0, 1.0])
    return box


def test_a_tensor_reached_by_any_other_road_is_captured_by_its_handle():
    box = far()
    g = jit(lambda x: x * (2.0 * box.a.b.c.d.state))
    close(g(X), 2 * X)
    box.a.b.c.d.state[...] = nb.array([2.0, 2.0, 2.0])
    close(g(X), 4 * X)
    assert g.compilations == 1


def test_writes_to_tensors_outside_are_made_at_each_call():
    count = nb.zeros(2)
    box = far()
    running = []

    @jit
    def step(x):
        running.append(1)
        count[0] += x.sum()
        count[1] += 1.0
        box.a.b.c.d.state += x
        return 2.0 * count

    for i in range(1, 4):
        close(step(X), [2 * i * X.sum().item(), 2.0 * i])
        close(count, [i * X.sum().item(), i])
        close(box.a.b.c.d.state, 1.0 + i * X.numpy())
    assert step.compilations == 1 and type(count) is nb.Tensor and type(box.a.b.c.d.state) is nb.Tensor


def test_writes_through_a_view_reach_the_tensor():
    whole = nb.zeros((2, 3))
    row = whole[1]

    @jit
    def step(x):
        row[...] = x
        return row * 2.0

    close(step(X), 2 * X)
    close(whole[1], X)
    close(step(Y), 2 * Y)
    close(whole[1], Y)


def test_arguments_are_not_written_to():
    x = nb.array([1.0, 2.0])
    given = np.array([1.0, 2.0])

    @jit
    def g(x):
        x[0] = 5.0
        x *= 2.0
        return x

    assert g(x).tolist() == [10.0, 4.0] and x.tolist() == [1.0, 2.0]
    assert g(given).tolist() == [10.0, 4.0] and given.tolist() == [1.0, 2.0]


def test_results_do_not_share_memory_with_arrays_given():
    given = np.array([[1.0, 2.0]])
    out, part = jit(lambda x: (x, x.T[0]))(given)
    given[...] = 7.0
    assert out.tolist() == [[1.0, 2.0]] and part.tolist() == [1.0]


@pytest.mark.parametrize("engine", ["numpy", "native", "xla"])
@pytest.mark.parametrize("fn", [nb.floor, lambda n: nb.maximum(n, 1), nb.positive, lambda n: n + 0])
def test_nor_do_results_that_engines_find_in_what_they_are_given(fn, engine):
    g = nb.jit(fn, engine=engine)
    for given in (np.array([[4, 5]]), np.array(4)):
        for _ in range(3):
            out = g(given)
            given += 1
            assert out.tolist() == (given - 1).tolist()


def test_leaves_are_updated_inside_no_grad():
    w = nb.array([1.0, 2.0], requires_grad=True)

    @jit
    def update(g):
        with nb.no_grad():
            w[...] = w - 0.5 * g

    update(nb.array([1.0, 1.0]))
    assert w.tolist() == [0.5, 1.5] and w.requires_grad


def test_no_grad_and_detach_cut_inside():
    def g(x):
        with nb.no_grad():
            y = x * 2.0
        return y * x + nb.detach(x) * x

    assert nb.grad(g)(3.0).item() == nb.grad(jit(g))(3.0).item() == jit(nb.grad(g))(3.0).item() == 9.0
    cut = lambda x: nb.grad(lambda t: t**3, create_graph=False)(x) * x
    assert nb.grad(cut)(2.0).item() == nb.grad(jit(cut))(2.0).item() == 12.0


def test_numpy_arrays_from_outside():
    scale, index = np.array([1.0, 2.0, 3.0]), np.array([0, 2])
    g = jit(lambda x: (x * scale)[index].sum())
    close(g(X), X[0] + 3 * X[2])
    scale[0] = 10.0
    close(g(X), 10 * X[0] + 3 * X[2])
    assert g.compilations == 1
    index[0] = 1
    close(g(X), 2 * X[1] + 3 * X[2])
    by_numpy = jit(lambda x: x * np.sin(scale))
    close(by_numpy(X), X * np.sin(scale))
    scale[0] = 0.0
    close(by_numpy(X), X * np.sin(scale))


def test_numpy_in_numpy_out_as_without_jit():
    x = np.array([0.5, 1.0])
    loss = lambda x: (nb.sin(x) * x).sum()
    for transform in (nb.grad, nb.value_and_grad, nb.jacrev, nb.jacfwd, nb.hessian):
        wanted = nb.tree.leaves(transform(loss)(x))
        for program in (jit(transform(loss)), transform(jit(loss))):
            found = nb.tree.leaves(program(x))
            assert [type(a) for a in found] == [type(a) for a in wanted]
            for a, b in zip(found, wanted):
                close(a, b, rtol=1e-13)
    assert type(jit(loss)(x)) is nb.Tensor and type(jit(nb.grad(loss))(nb.asarray(x))) is nb.Tensor
    gradient = jit(nb.grad(loss))(x)
    gradient[0] = 7.0  # it is the user's own
    outer = nb.grad(lambda y: (jit(nb.grad(loss))(y) ** 2).sum())(x)
    close(outer, nb.grad(lambda y: (nb.grad(loss)(y) ** 2).sum())(x))


def test_where_derivatives_are_masked_inside_they_are_outside():
    root = jit(nb.sqrt)
    pick = jit(lambda x: nb.where(x > 0, x, 0.0))
    assert nb.grad(lambda x: nb.where(x > 0, root(x), 0.0).sum())(nb.array([0.0, 4.0])).tolist() == [0.0, 0.25]
    assert nb.grad(lambda x: pick(nb.sqrt(x)).sum())(nb.array([0.0, 4.0])).tolist() == [0.0, 0.25]
    assert nb.grad(lambda x: jit(lambda t: t * 1.0)(nb.sqrt(x)).sum())(nb.array([0.0, 4.0])).tolist() == [np.inf, 0.25]


def test_values_are_out_of_reach_inside():
    @jit
    def g(x):
        return x if x > 0 else -x

    with pytest.raises(TracedValueError, match=r"test_jit.py:\d+.*while jit.*depends on args\[0\].*nb.cond.*static_argnames"):
        g(1.0)
    with pytest.raises(TracedValueError):
        jit(lambda x: float(x))(1.0)
    kept = []
    jit(lambda x: kept.append(x * 2.0))(1.0)
    with pytest.raises(nb.EndedTransformError, match="jit"):
        kept[0] + 1.0


def test_an_exception_leaves_nothing_behind():
    state = nb.array([1.0, 2.0])

    @jit
    def g(x):
        state[0] = x.sum()
        if x.shape:
            raise KeyError("inside")
        return x

    with pytest.raises(KeyError, match="inside"):
        g(X)
    assert state.tolist() == [1.0, 2.0] and type(state) is nb.Tensor
    assert g(5.0).item() == 5.0 and state.tolist() == [5.0, 2.0]


def test_many_traces_warn_once():
    g = jit(lambda x: x * 2.0)
    for n in range(15):
        g(np.zeros(n))
    with pytest.warns(RecompilationWarning, match=r"traced 16 times; its explain\(\) says why"):
        g(np.zeros(15))
    for n in range(16, 100):
        g(np.zeros(n))
    assert sum(map(len, g._programs.values())) <= 64


def test_inside_a_vmap_with_a_named_axis():
    g = jit(lambda x: x / nb.psum(x, "i"))
    x = nb.array([1.0, 3.0])
    close(nb.vmap(g, axis_name="i")(x), x / 4.0)
    close(nb.vmap(jit(lambda y: y * g(y)), axis_name="i")(x), x * x / 4.0)


def test_threads_see_tensors_as_they_are_while_another_traces():
    w = nb.array([1.0, 2.0, 3.0])
    inside, done = threading.Event(), threading.Event()
    seen = []

    def slow(x):
        inside.set()
        assert done.wait(10.0)
        return x * w

    g = jit(slow)

    def other():
        assert inside.wait(10.0)
        seen.append((w * 2.0).tolist())
        w[0] = 5.0
        seen.append(w.tolist())
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    out = g(X)
    thread.join()
    assert seen == [[2.0, 4.0, 6.0], [5.0, 2.0, 3.0]]
    close(out, X * w)


def test_nothing_old_is_kept_alive():
    gc.collect()
    gc.disable()
    try:
        w = nb.array([1.0, 2.0, 3.0])
        g = jit(lambda x: x * w)
        g(X)
        watch = weakref.ref(w._node)
        w = w * 2.0
        g(X)
        assert watch() is None
    finally:
        gc.enable()


def test_the_graph_can_be_read():
    lowered = jit(nb.grad(lambda x: nb.sin(x) * x)).lower(1.0)
    assert "cos" in str(lowered)
    close(lowered.compile()(0.5), np.sin(0.5) + 0.5 * np.cos(0.5))


def test_methods_that_call_each_other():
    class Model:
        def __init__(self):
            self.w = nb.array(2.0)

        def even(self, x, n):
            return x if n == 0 else self.odd(x * self.w, n - 1)

        def odd(self, x, n):
            return x if n == 0 else self.even(x + self.w, n - 1)

    model = Model()
    f = jit(model.even, static_argnums=1)
    assert f(3.0, 2).item() == 8.0
    model.w = nb.array(3.0)
    assert f(3.0, 2).item() == 12.0 and f.compilations == 1


def test_what_a_program_costs_can_be_asked():
    def step(x, _):
        return nb.where(x > 0, x @ x, x), None

    def f(x):
        return nb.scan(step, x, None, length=10)[0]

    lowered = jit(f).lower(nb.ones((8, 8)))
    assert lowered.cost().operations == 10 * (2 * 8**3 + 64 + 64)
    assert lowered.cost().bytes > 10 * 5 * 512
    text = lowered.as_text()
    assert text.startswith("def run(x0):") and "range(10)" in text
    compiled = lowered.compile()
    assert compiled.as_text() == text
    assert compiled(nb.ones((8, 8))).shape == (8, 8)
    assert compiled.memory()[:2] == (512, 512) and compiled.memory().peak >= 1024


def test_each_level_can_be_read():
    f = lambda x: nb.sin(x) * x
    lowered = nb.jit(f, engine="native").lower(np.ones(100))
    texts = {level: lowered.as_text(level) for level in ("graph", "loops", "llvm", "assembly")}
    assert texts["loops"] == lowered.as_text() and lowered.compile().as_text() == texts["assembly"]
    starts = {"graph": "= sin", "loops": "for i", "llvm": "define i64 @run(", "assembly": "run:"}
    assert all(starts[level] in text for level, text in texts.items())
    assert str(lowered) == texts["graph"]
    with pytest.raises(nb.ArgumentError, match="the engine native has no text called 'hlo'; it has graph, loops, llvm, assembly"):
        lowered.as_text("hlo")
    assert nb.jit(f, engine="xla").lower(np.ones(100)).as_text("hlo").startswith("HloModule")
    assert "def run(" in nb.jit(f, engine="numpy").lower(np.ones(100)).as_text("python")


def test_what_xla_compiles_can_be_read():
    f = nb.jit(nb.value_and_grad(lambda x: (nb.sin(x) ** 2).sum()), engine="xla")
    lowered = f.lower(X)
    assert "stablehlo.sine" in lowered.as_text()
    assert "not compiled by itself" in f.explain()
    compiled = lowered.compile()
    assert "HloModule" in compiled.as_text()
    assert compiled.memory().arguments == 24 and compiled.memory().peak >= 56
    close(compiled(X)[0], (np.sin(X.numpy()) ** 2).sum())
    assert f.compilations == 1 and "compiled in" in f.explain() and "for the engine xla" in f.explain()


def test_arrays_that_come_again_are_held_where_xla_has_them():
    f = nb.jit(lambda x, w: x * w, engine="xla")
    w = nb.array([1.0, 2.0, 3.0])
    x = f(f(X, w), w)
    before = w.numpy().copy()
    for _ in range(3):
        x = f(x, w)
    assert (w.numpy() == before).all()
    w[0] = 5.0
    close(f(X, w), X.numpy() * [5.0, 2.0, 3.0])
    close(f(x[1:].numpy(), w[1:]), x[1:] * w[1:])
    close(f(nb.stack([x, x]).numpy().T[:, 0], w), x * w)


def test_zeros_of_which_there_is_one_for_all_are_no_tensor_from_outside():
    def slope(x):
        return nb.jvp(nb.floor, (x,), (x,))[1]

    slope(nb.ones(4))
    assert nb.jit(slope)(np.ones(4)).tolist() == [0.0] * 4


# ---- arrays that NumPy computes with, too -----------------------------------------------------------------------


def test_an_array_that_numpy_reads_too():
    a = np.array([1.0, 2.0, 3.0])

    @nb.jit
    def f(x):
        return (x * a).sum() + a.max() + (nb.sum(a * 2.0))

    for content in ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [0.0, 0.0, -0.0], [np.nan, 1.0, 1.0]):
        a[:] = content
        for _ in range(4):
            assert np.array_equal(f(1.0).item(), a.sum() * 3.0 + a.max(), equal_nan=True)
    assert f.compilations == 4


def test_an_array_that_numpy_does_not_read_is_an_input():
    a = np.array([1.0, np.nan, 3.0])
    f = nb.jit(lambda x: nb.nansum(x * a))
    for i in range(6):
        a[0] = i
        for _ in range(3):
            assert f(2.0).item() == 2.0 * (i + 3.0)
    assert f.compilations == 1


def test_a_choice_by_the_content_of_an_array():
    a = np.array([1.0, 2.0])
    f = nb.jit(lambda x: x * a if a[0] > 0.0 else x - a)
    assert f(3.0).tolist() == [3.0, 6.0]
    a[:] = [-1.0, 2.0]
    assert f(3.0).tolist() == [4.0, 1.0]


def test_where_it_cannot_be_told_arrays_are_inputs():
    """A call of a custom function is told by its identity."""
    a = np.array([1.0, 2.0])

    @nb.custom_vjp
    def g(x):
        return x * a

    g.defvjp(lambda x: (g(x), None), lambda _, y: (y,))
    f = nb.jit(lambda x: (g(x) * a).sum())
    for i in range(5):
        a[0] = i
        assert f(1.0).item() == i * i + 4.0


def test_tensors_in_the_bodies_of_loops_are_never_frozen():
    """Also those to which no road leads."""
    w = nb.array([1.0, 2.0])
    find = weakref.ref(w)
    loops = [
        nb.jit(lambda x: nb.scan(lambda c, _: (c + find(), None), x, length=2)[0]),
        nb.jit(lambda x: nb.cond(x.sum() >= 0.0, lambda x: x + 2.0 * find(), lambda x: x, x)),
        nb.jit(lambda x: nb.while_loop(lambda v: v[0] < 2.0, lambda v: v + find(), x)),
    ]
    for f in loops:
        w[:] = np.array([1.0, 2.0])
        assert f(np.zeros(2)).tolist() == [2.0, 4.0]
        w[:] = 5.0
        assert f(np.zeros(2)).tolist() == ([5.0, 5.0] if f is loops[2] else [10.0, 10.0])
        assert f.compilations == 1


# ---- copies ---------------------------------------------------------------------------------------------------


def tripled(x, n):
    return x * n


@nb.jit
def doubled(x):
    return x * 2.0


TRIPLED = nb.jit(tripled, static_argnums=1, engine="numpy")


class Scaled:
    def __init__(self, scale):
        self.scale = scale
        self.by_hand = nb.jit(self.times)

    def times(self, x):
        return x * self.scale

    @nb.jit
    def compiled(self, x):
        return x * self.scale


def test_copies_are_the_function_itself():
    for fn in (doubled, TRIPLED, nb.jit(lambda x: x)):
        assert copy.copy(fn) is fn and copy.deepcopy(fn) is fn
    first = Scaled(3.0)
    assert first.by_hand(2.0).item() == first.compiled(2.0).item() == 6.0
    second = copy.deepcopy(first)
    second.scale = 5.0
    assert second.by_hand(2.0).item() == second.compiled(2.0).item() == 10.0
    assert first.by_hand(2.0).item() == first.compiled(2.0).item() == 6.0


def test_pickles_name_the_function():
    assert doubled(2.0).item() == 4.0
    assert pickle.loads(pickle.dumps(doubled)) is doubled
    again = pickle.loads(pickle.dumps(TRIPLED))
    assert again(2.0, 3).item() == 6.0 and again.compilations == 1 and "the engine numpy" in again.explain()
    method = pickle.loads(pickle.dumps(Scaled(3.0).compiled))
    assert method(2.0).item() == 6.0
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(nb.jit(lambda x: x))
