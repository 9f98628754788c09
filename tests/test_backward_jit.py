"""backward inside a jitted function: .grad of leaves made there and of leaves outside, as if the function ran line by line."""

import gc
import weakref

import numpy as np
import pytest

import nabla as nb

ENGINES = ["numpy", "native", "xla"]
X = np.array([0.1, 0.2, 0.3])


class Model:
    def __init__(self):
        self.w = nb.array([1.0, 2.0, 3.0], requires_grad=True)
        self.b = nb.array(0.5, requires_grad=True)

    def loss(self, x, y):
        return ((self.w * x).sum() + self.b - y) ** 2

    def state(self):
        return [None if t is None else t.tolist() for t in (self.w, self.b, self.w.grad, self.b.grad)]


def descent(model):
    def step(x, y):
        loss = model.loss(x, y)
        loss.backward()
        with nb.no_grad():
            model.w -= 0.1 * model.w.grad
            model.b -= 0.1 * model.b.grad
        model.w.grad = None
        return loss

    return step


def accumulation(model):
    def step(x, y):
        model.loss(x, y).backward()
        nb.backward([model.w * 2.0, model.b], [x, y])
        return y

    return step


def penalty(model):
    def step(x, y):
        model.w.grad = model.b.grad = None
        model.loss(x, y).backward(create_graph=True)
        (model.w.grad**2).sum().backward()
        return model.w.grad * 1.0

    return step


def clearing(model):
    def step(x, y):
        if model.w.grad is not None:
            model.w.grad[0] = y
        model.b.grad = None
        model.loss(x, y).backward()
        return model.b.grad + 1.0

    return step


def reads_only(model):
    def step(x, y):
        return y if model.w.grad is None else model.w.grad.sum() * y

    return step


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("make", [descent, accumulation, penalty, clearing, reads_only])
def test_a_step_does_what_its_lines_do(make, engine):
    eager, compiled = Model(), Model()
    step, jitted = make(eager), nb.jit(make(compiled), engine=engine)
    for i in range(4):
        found, wanted = [nb.sum(nb.detach(f(X, float(i)))).item() for f in (jitted, step)]
        assert found == pytest.approx(wanted, rel=1e-14)
        for one, other in zip(eager.state(), compiled.state()):
            assert (one is None) == (other is None)
            assert one is None or np.allclose(one, other, rtol=1e-14, atol=1e-15)
    assert compiled.w.requires_grad and compiled.w.is_leaf and jitted.compilations <= 3


def test_gradients_are_constants_with_a_value():
    model = Model()
    nb.jit(lambda x: model.loss(x, 1.0).backward())(X)
    assert model.w.grad._node.value is not None and not model.w.grad.requires_grad


def test_the_loss_may_be_differentiated_again_outside():
    model, other = Model(), Model()

    def step(x):
        loss = model.loss(x, 1.0)
        loss.backward()
        return loss

    jitted = nb.jit(step)
    found = nb.grad(jitted)(X)
    assert np.allclose(found, nb.grad(lambda x: other.loss(x, 1.0))(X), rtol=1e-14)
    other.loss(X, 1.0).backward()
    assert np.allclose(model.w.grad.numpy(), other.w.grad.numpy(), rtol=1e-14)
    jitted(X).backward()
    assert np.allclose(model.w.grad.numpy(), 3.0 * other.w.grad.numpy(), rtol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_leaves_made_inside(engine):
    def f(x):
        w = nb.array([1.0, 2.0, 3.0], requires_grad=True)
        v = nb.array(x * 2.0).detach().requires_grad_()
        with nb.no_grad():
            w += 1.0
        (w * v * x).sum().backward()
        return w.grad, v.grad

    jitted = nb.jit(f, engine=engine)
    for scale in (1.0, 2.0):
        for found, wanted in zip(jitted(scale * X), f(scale * X)):
            assert np.allclose(found.numpy(), wanted.numpy(), rtol=1e-14)
    assert jitted.compilations == 1 and not jitted.traced(X)[0]._fixed
    assert nb.grad(lambda x: jitted(x)[1].sum())(X).tolist() == nb.grad(lambda x: f(x)[1].sum())(X).tolist()


def test_leaves_made_inside_a_loop():
    def step(c, x):
        w = c.detach().requires_grad_()
        (w * w * x).backward()
        return w.grad, w.grad

    for run in (lambda xs: nb.scan(step, 1.0, xs), nb.jit(lambda xs: nb.scan(step, 1.0, xs))):
        assert run(nb.array([1.0, 2.0]))[1].tolist() == [2.0, 8.0]


def test_a_leaf_that_no_road_leads_to():
    w = nb.array(3.0, requires_grad=True)
    find = weakref.ref(w)

    @nb.jit
    def f(x):
        (find() * find() * x).backward()
        return x

    for _ in range(2):
        f(2.0)
    assert w.grad.item() == 24.0


def test_what_is_swallowed_while_it_is_traced():
    model = Model()

    @nb.jit
    def f(x):
        try:
            model.loss(x, 1.0).backward()
        except BaseException:  # noqa: BLE001
            return x * 0.0
        return x

    assert f(X).tolist() == X.tolist() and model.w.grad is not None


def test_an_error_leaves_grad_as_it_was():
    model = Model()
    model.loss(X, 1.0).backward()
    before = model.state()

    @nb.jit
    def f(x):
        model.loss(x, 1.0).backward()
        with nb.no_grad():
            model.w += 1.0
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        f(X)
    assert model.state() == before


def test_arguments_that_hang_on_leaves():
    w = nb.array(2.0, requires_grad=True)
    f = nb.jit(lambda x, y: (x * x).backward() or x)
    with pytest.raises(nb.ArgumentError, match="do not depend on any requires_grad leaf"):
        f(1.0, 2.0)

    v = nb.array(3.0, requires_grad=True)
    g = nb.jit(lambda x, y: (v * x).backward() or y * y)
    g(nb.array(5.0), w)
    assert v.grad.item() == 5.0
    for x in (w, w * 1.0):
        with pytest.raises(
            nb.ArgumentError, match=r"backward inside the function comes to args\[0\], which is a requires_grad leaf or"
        ):
            g(x, 1.0)
    g(w.detach(), 1.0)
    assert v.grad.item() == 7.0 and w.grad is None


def test_a_tensor_around_that_was_computed_from_a_leaf():
    w = nb.array(2.0, requires_grad=True)
    t = w * 3.0
    v = nb.array(3.0, requires_grad=True)
    with pytest.raises(nb.ArgumentError, match="comes to t, which"):
        nb.jit(lambda x: (v * t * x).backward())(1.0)
    nb.jit(lambda x: (v * t.detach() * x).backward())(1.0)
    assert v.grad.item() == 6.0 and w.grad is None


def test_one_leaf_by_two_tensors():
    w = nb.array(2.0, requires_grad=True)
    handles = []
    nb.grad(lambda x, w: handles.append(w) or x)(1.0, w)
    other = handles[0]
    with pytest.raises(nb.ArgumentError, match="comes to one leaf by two tensors"):
        nb.jit(lambda x: (w * other * x).backward())(1.0)


def test_bodies_of_loops():
    w = nb.array(2.0, requires_grad=True)

    def body(c, _):
        (w * c).backward()
        return c, None

    for run in (lambda x: nb.scan(body, x, length=3)[0], nb.jit(lambda x: nb.scan(body, x, length=3)[0])):
        with pytest.raises(
            nb.TracedValueError, match=r"inside the function that scan .* reaches a requires_grad leaf from outside"
        ):
            run(nb.array(1.0))
    f = nb.jit(lambda x: (w * x).backward() or x)
    with pytest.raises(nb.TracedValueError, match=r"inside the function that scan .* reaches a requires_grad leaf from outside"):
        nb.scan(lambda c, _: (f(c), None), nb.array(1.0), length=2)
    assert w.grad is None


def test_examples_of_a_batch():
    w = nb.array(2.0, requires_grad=True)
    f = lambda x: (w * x).backward() or x
    for run in (nb.vmap(nb.jit(f)), nb.jit(nb.vmap(f))):
        with pytest.raises(nb.TracedValueError, match=r"differs between the examples of a mapped function, and .grad has room"):
            run(nb.ones(3))
    assert w.grad is None


def test_who_becomes_a_leaf():
    t = nb.array(1.0)
    with pytest.raises(nb.ArgumentError, match="changes requires_grad of t, a tensor from outside; do that before"):
        nb.jit(lambda x: t.requires_grad_() * x)(1.0)
    assert not t.requires_grad


def test_a_write_to_a_leaf_outside_no_grad():
    w = nb.array([1.0, 2.0], requires_grad=True)

    @nb.jit
    def f(x):
        w[0] = x

    with pytest.raises(nb.ArgumentError, match="in-place write to a requires_grad leaf"):
        f(3.0)
    assert w.tolist() == [1.0, 2.0] and w.requires_grad


def test_another_kind_of_tensor_is_traced_anew():
    model = Model()
    f = nb.jit(lambda x: (model.w * x).sum())
    f(X)
    model.w = model.w.detach()
    assert f(X).item() == pytest.approx(1.4) and not f(X).requires_grad
    assert f.compilations == 2


def test_nothing_is_kept_alive():
    def run():
        model = Model()
        f = nb.jit(descent(model))
        for i in range(3):
            f(X, float(i))
        return weakref.ref(model.w), weakref.ref(model.w._node), f

    gc.collect()
    gc.disable()
    try:
        *references, f = run()
        f.clear_cache()
        del f
    finally:
        gc.enable()
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_where_nothing_can_be_differentiated_again_the_program_runs_by_itself():
    model, other = Model(), Model()
    forgets = lambda model: lambda x: descent(model)(x, 1.0).detach()
    f, g = nb.jit(forgets(model)), nb.jit(descent(model))
    for _ in range(3):
        assert f(X).item() == pytest.approx(forgets(other)(X).item(), rel=1e-14)
    assert np.allclose(model.w.detach().numpy(), other.w.detach().numpy(), rtol=1e-14) and model.w.is_leaf
    assert f.traced(X)[0].calls == 2  # after the first call there is a .grad to add to
    assert g(X, 1.0).requires_grad and g.traced(X, 1.0)[0].calls == 0
    assert nb.grad(lambda x: g(x, 1.0))(X).any()


def test_without_gradients_outside():
    model = Model()
    f = nb.jit(lambda x: model.loss(x, 1.0))
    with nb.no_grad():
        found = f(X)
    assert not found.requires_grad and f.traced(X)[0].calls == 1
    assert f(X).requires_grad and f.traced(X)[0].calls == 1
    assert found.item() == f(X).item()
