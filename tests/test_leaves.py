"""Leaves: who is one, handles that share one and its .grad, copies, writes in place."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import nabla as nb

close = np.testing.assert_allclose


def another_handle(w):
    """As a function gets it that is differentiated with respect to something else."""
    handles = []
    nb.grad(lambda x, w: handles.append(w) or x)(1.0, w)
    assert handles[0] is not w
    return handles[0]


def leaf(*values, dtype=None):
    return nb.array(values if len(values) > 1 else values[0], dtype, requires_grad=True)


# ---- leaves ---------------------------------------------------------------------------------------------------


def test_a_leaf_and_what_is_computed_from_it():
    w = leaf(1.0, 2.0)
    assert w.requires_grad and w.is_leaf and w.grad is None
    y = w * 2.0
    assert y.requires_grad and not y.is_leaf and y.grad is None
    assert not nb.array(1.0).requires_grad
    assert not (w > 0).is_leaf
    assert "requires_grad=True" in repr(w)
    assert "requires_grad" not in repr(w.detach())


def test_requires_grad_turns_an_ordinary_tensor_into_a_leaf_and_back():
    x = nb.array([1.0, 2.0])
    assert x.requires_grad_() is x
    assert x.requires_grad and x.is_leaf
    x.requires_grad = False
    assert not x.requires_grad
    x.requires_grad = True
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    x.requires_grad_(False)
    assert x.grad is None
    assert nb.zeros(2, requires_grad=True).is_leaf


def test_who_cannot_be_a_leaf():
    with pytest.raises(nb.DTypeError, match="requires_grad needs a real or complex floating tensor; this one has dtype int64"):
        nb.array([1, 2], requires_grad=True)
    with pytest.raises(nb.ArgumentTypeError, match=r"computed from a requires_grad leaf; write x = x.detach"):
        (leaf(1.0) * 2.0).requires_grad_()
    with pytest.raises(nb.ArgumentTypeError, match=r"computed from a requires_grad leaf; write x = x.detach\(\) for a constant"):
        (leaf(1.0) * 2.0).requires_grad = False
    with pytest.raises(nb.TracedValueError, match=r"being differentiated by a transform; write x = x.detach"):
        nb.grad(lambda x: x.requires_grad_())(1.0)
    with pytest.raises(nb.TracedValueError, match=r"under vmap a tensor has none; use nb.grad inside vmap"):
        nb.vmap(lambda x: x.requires_grad_())(np.ones(2))


def test_a_leaf_of_a_pending_value_has_none_of_its_history():
    w = leaf(2.0)
    v = (w * 3.0).detach().requires_grad_()
    (v * v).backward()
    assert v.grad.item() == 12.0
    assert w.grad is None


# ---- handles and leaves ---------------------------------------------------------------------------------------


def test_handles_on_one_leaf_share_its_grad():
    w = leaf(1.0, 2.0)
    same = another_handle(w)
    (same * 3.0).sum().backward()
    assert w.grad is same.grad
    assert w.grad.tolist() == [3.0, 3.0]
    del w
    assert same.grad.tolist() == [3.0, 3.0]


def test_a_gradient_that_has_the_value_of_a_tensor_is_another_tensor():
    w, c = leaf(3.0, 4.0), nb.array([5.0, 6.0])
    for transform in (nb.grad, nb.jacrev, nb.jacfwd, lambda f: lambda x: nb.vjp(f, x)[1](1.0)[0]):
        g = transform(lambda x: (x * w).sum())(nb.ones(2))
        assert g.requires_grad and not g.is_leaf
        h = transform(lambda x: (x * c).sum())(nb.ones(2))
        h += 1.0
        assert (h.tolist(), c.tolist()) == ([6.0, 7.0], [5.0, 6.0])
    nb.backward(nb.grad(lambda x: (x * w).sum())(nb.ones(2)), np.ones(2))
    assert w.grad.tolist() == [1.0, 1.0]
    outs = [nb.vjp(lambda x: x, w)[0], nb.jvp(lambda x: x, (w,), (w,))[1], nb.vmap(lambda x: x)(w)]
    assert all(out.requires_grad and not out.is_leaf for out in outs)


def test_a_deep_copy_and_a_pickle_are_leaves_of_their_own():
    w = leaf(1.0, 2.0)
    for other in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        assert other.is_leaf and other.grad is None
        (other * 3.0).sum().backward()
        assert other.grad.tolist() == [3.0, 3.0]
    assert w.grad is None


def test_a_leaf_and_its_grad_die_together():
    gc.disable()
    try:
        w = leaf(1.0, 2.0)
        node = weakref.ref(w._node)
        (w * w).sum().backward()
        grad = weakref.ref(w.grad._node)
        del w
        assert node() is None
        assert grad() is None
    finally:
        gc.enable()


# ---- writes to leaves -----------------------------------------------------------------------------------------


def test_an_in_place_write_to_a_leaf_raises_outside_no_grad():
    w = leaf(1.0, 2.0)

    def add():
        nonlocal w
        w += 1.0

    def put():
        w[0] = 5.0

    for write in (add, put):
        with pytest.raises(
            nb.ArgumentError,
            match=r"an in-place write to a requires_grad leaf \(at .*test_leaves.py:\d+\) would lose its gradient",
        ):
            write()
    assert w.tolist() == [1.0, 2.0]
    assert w.is_leaf


def test_inside_no_grad_the_handle_moves_to_a_new_leaf():
    w = leaf(1.0, 2.0)
    same = another_handle(w)
    (w * w).sum().backward()
    with nb.no_grad():
        w -= 0.5 * w.grad
        w[1] = 7.0
    assert w.tolist() == [0.0, 7.0]
    assert w.is_leaf and w.grad.tolist() == [2.0, 4.0]
    assert same.tolist() == [1.0, 2.0]
    w.grad = None
    (w * w).sum().backward()
    assert w.grad.tolist() == [0.0, 14.0]
    assert same.grad.tolist() == [2.0, 4.0]


def test_parameters_of_any_shape_are_updated_in_a_loop_over_them():
    params = {"w": leaf(1.0, 2.0), "b": leaf(3.0)}
    ((params["w"] * 2.0).sum() + params["b"] ** 2).backward()
    b = params["b"]
    with nb.no_grad():
        for p in params.values():
            p -= 0.5 * p.grad
    assert params["w"].tolist() == [0.0, 1.0]
    assert params["b"].item() == 0.0
    assert b is params["b"] and b.is_leaf and b.grad.item() == 6.0
    with pytest.raises(nb.ArgumentError, match="an in-place write to a requires_grad leaf"):
        b += 1.0
    s = t = b * 2.0  # not a leaf: a number, as in Python
    t += 1.0
    assert (s.item(), t.item()) == (0.0, 1.0)


def test_a_view_of_a_leaf():
    w = leaf(1.0, 2.0, 3.0)
    v = w[1:]
    (v * v).sum().backward()
    assert w.grad.tolist() == [0.0, 4.0, 6.0]
    assert v.grad is None and not v.is_leaf
    with nb.no_grad():
        v += 1.0
        w[0] = 9.0
    assert (w.tolist(), v.tolist()) == ([9.0, 3.0, 4.0], [3.0, 4.0])
    assert w.is_leaf and w.grad.tolist() == [0.0, 4.0, 6.0]
    with pytest.raises(nb.ArgumentError, match="an in-place write to a requires_grad leaf"):
        v += 1.0


def test_a_training_loop():
    rng = np.random.default_rng(0)
    x, truth = rng.standard_normal((50, 3)), np.array([1.0, -2.0, 0.5])
    y = x @ truth
    w = nb.zeros(3, requires_grad=True)
    for _ in range(200):
        loss = ((nb.matmul(x, w) - y) ** 2).mean()
        w.grad = None
        loss.backward()
        with nb.no_grad():
            w -= 0.1 * w.grad
    close(w.detach(), truth, atol=1e-6)
