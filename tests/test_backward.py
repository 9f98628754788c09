"""The imperative interface: backward with every parameter, and what it adds into .grad. Leaves are in test_leaves.py."""

import contextlib
import gc
import io
import sys
import threading
import weakref

import numpy as np
import pytest

import nabla as nb

close = np.testing.assert_allclose


def leaf(*values, dtype=None):
    return nb.array(values if len(values) > 1 else values[0], dtype, requires_grad=True)


# ---- backward -------------------------------------------------------------------------------------------------


def test_backward_adds_into_grad_of_every_leaf():
    w, b = leaf(1.0, 2.0), leaf(0.5)
    x = nb.array([3.0, 4.0])
    nb.backward(((w * x).sum() + b) ** 2)
    total = 1.0 * 3.0 + 2.0 * 4.0 + 0.5
    assert w.grad.tolist() == [2 * total * 3.0, 2 * total * 4.0]
    assert b.grad.item() == 2 * total
    assert type(w.grad) is nb.Tensor
    assert not w.grad.requires_grad


def test_gradients_accumulate_until_they_are_taken_away():
    w = leaf(1.0, 2.0)
    for turn in (1, 2, 3):
        (w * w).sum().backward()
        assert w.grad.tolist() == [2.0 * turn, 4.0 * turn]
    w.grad = None
    (w * 3.0).sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]
    w.grad = nb.array([100.0, 100.0])
    (w * 3.0).sum().backward()
    assert w.grad.tolist() == [103.0, 103.0]


def test_a_gradient_that_was_read_is_not_changed_by_the_next_backward():
    w = leaf(1.0, 2.0)
    (w * w).sum().backward()
    first, as_array = w.grad, w.grad.numpy()
    (w * w).sum().backward()
    assert first.tolist() == [2.0, 4.0]
    assert as_array.tolist() == [2.0, 4.0]
    assert w.grad.tolist() == [4.0, 8.0]


def test_what_grad_may_be_set_to():
    w = leaf(1.0, 2.0)
    for wrong in (np.zeros(2), nb.zeros(3), nb.zeros(2, nb.float32), 0.0):
        with pytest.raises(nb.ArgumentTypeError, match=r"\.grad takes None or a tensor of shape \(2,\) and dtype float64"):
            w.grad = wrong
    with pytest.raises(nb.ArgumentTypeError, match=r"\.grad belongs to requires_grad leaves; this tensor is not one"):
        nb.array(1.0).grad = None


def test_a_leaf_behind_a_step_gets_zeros_and_one_that_is_not_used_gets_nothing():
    w, v, u = leaf(1.5, 2.5), leaf(1.0), leaf(1.0)
    (nb.floor(w).sum() + v).backward()
    assert w.grad.tolist() == [0.0, 0.0]
    assert v.grad.item() == 1.0
    assert u.grad is None


def test_dtypes_and_shapes_of_gradients():
    w, v = leaf(1.0, 2.0, dtype=nb.float32), leaf(3.0)
    (w * v).sum().backward()
    assert (w.grad.dtype, w.grad.shape) == (nb.float32, (2,))
    assert (v.grad.dtype, v.grad.shape) == (nb.float64, ())
    z = leaf(1 + 2j)
    (nb.abs(z) ** 2).backward()
    assert z.grad.item() == 2 - 4j  # df/dx - i df/dy


def test_backward_agrees_with_grad_on_a_program_with_control_flow():
    def f(x):
        while (x * x).sum() < 50.0:
            x = x * 1.5 + nb.sin(x)
        return (x**3).sum()

    x = leaf(0.3, 0.7)
    f(x).backward()
    close(x.grad, nb.grad(f)(np.array([0.3, 0.7])), rtol=1e-15)


# ---- cotangents -----------------------------------------------------------------------------------------------


def test_outputs_and_cotangents_are_trees():
    w = leaf(1.0, 2.0)
    nb.backward({"a": w * 3.0, "b": (w.sum(), None)}, {"a": np.array([1.0, 10.0]), "b": (100, None)})
    assert w.grad.tolist() == [103.0, 130.0]
    w.grad = None
    nb.backward([w.sum(), (w * w).sum()])
    assert w.grad.tolist() == [3.0, 5.0]
    w.grad = None
    nb.backward([w.sum()] * 3)
    assert w.grad.tolist() == [3.0, 3.0]
    w.grad = None
    (w * 2.0).backward(nb.array([1.0, 5.0]))
    assert w.grad.tolist() == [2.0, 10.0]
    w.grad = None
    w.backward(np.array([1.0, 5.0]))  # of the leaf itself
    assert w.grad.tolist() == [1.0, 5.0]


def test_complex_outputs_take_a_cotangent():
    z = leaf(1 + 2j)
    (z * z).backward(1.0)
    assert z.grad.item() == 2 * (1 + 2j)


def test_an_output_that_depends_on_no_leaf_beside_one_that_does():
    w = leaf(1.0)
    nb.backward([w * 2.0, nb.array(5.0)])
    assert w.grad.item() == 2.0


def test_what_backward_refuses():
    w = leaf(1.0, 2.0)
    with pytest.raises(
        nb.ShapeError, match=r"backward: outputs has shape \(2,\). Only a scalar can do without a cotangent: reduce it, .*\.sum"
    ):
        (w * 2.0).backward()
    with pytest.raises(nb.ShapeError, match=r"backward: outputs\['y'\]\[0\] has shape \(2,\)"):
        nb.backward({"y": [w * 2.0]})
    with pytest.raises(nb.TreeError, match=r"cotangents\['y'\] is a tuple of 1, but in the outputs it is a leaf"):
        nb.backward({"y": w * 2.0}, {"y": (np.ones(2),)})
    with pytest.raises(nb.ShapeError, match=r"backward: cotangents\['y'\] has shape \(3,\), but outputs\['y'\] has shape \(2,\)"):
        nb.backward({"y": w * 2.0}, {"y": np.ones(3)})
    with pytest.raises(nb.DTypeError, match=r"backward: cotangents has dtype float32, but outputs has dtype float64"):
        nb.backward(w * 2.0, np.ones(2, np.float32))
    with pytest.raises(nb.DTypeError, match="backward: outputs is complex; take its real part or abs"):
        (w * 1j).sum().backward()
    with pytest.raises(nb.DTypeError, match="backward: outputs has dtype int64, which has no derivative"):
        nb.argmax(w).backward()
    with pytest.raises(
        nb.ArgumentError, match=r"backward: the outputs do not depend on any requires_grad leaf. Make one with nb.array"
    ):
        nb.array(1.0).backward()
    with pytest.raises(nb.ArgumentError, match="do not depend on any requires_grad leaf"):
        (w.detach() * 2.0).sum().backward()
    with pytest.raises(nb.ArgumentTypeError, match=r"backward: outputs\[1\] is a float; backward starts from tensors"):
        nb.backward([w.sum(), 1.0])
    with pytest.raises(nb.ArgumentTypeError, match="backward: there is no tensor in the outputs None"):
        nb.backward(None)
    for flag in ("retain_graph", "show_graph", "create_graph"):
        with pytest.raises(nb.ArgumentTypeError, match=f"backward: {flag} must be True or False; got 'yes'"):
            w.sum().backward(**{flag: "yes"})
    assert w.grad is None
    w.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0]


def test_backward_inside_a_vmap_says_what_to_write():
    w = leaf(1.0)

    def f(x):
        (w * x).backward()
        return x

    with pytest.raises(
        nb.TracedValueError,
        match=r"backward: at .*test_backward.py:\d+, outputs differs between the examples .* Use nb.grad inside",
    ):
        nb.vmap(f)(np.ones(3))
    assert w.grad is None
    v = leaf(1.0, 2.0)
    with pytest.raises(nb.TracedValueError, match=r"cotangents differs between the examples"):
        nb.vmap(lambda g: (v * 2.0).backward(g) or g)(np.ones((3, 2)))
    nb.vmap(lambda x: w * x)(np.ones(3)).sum().backward()
    assert w.grad.item() == 3.0


# ---- retain_graph ---------------------------------------------------------------------------------------------


def test_by_default_the_graph_of_a_value_that_was_not_read_is_kept():
    w = leaf(2.0)
    y = w**3
    y.backward()
    y.backward()
    assert w.grad.item() == 24.0
    assert y.item() == 8.0


@pytest.mark.parametrize(
    "f", [nb.exp, lambda w: nb.exp(w).sum(), lambda w: (w * nb.ones(300_000)).sum()], ids=["own value", "sum", "large"]
)
def test_a_value_that_the_library_needed_for_itself_was_not_read(f):
    w = leaf(0.5)
    y = f(w)
    for turn in (1, 2, 3):
        y.backward()
        assert w.grad.item() == pytest.approx(turn * nb.grad(f)(0.5).item())


def test_by_default_the_graph_of_a_value_that_was_read_is_freed():
    w = leaf(2.0)
    y = w**3
    assert y.item() == 8.0
    y.backward()
    with pytest.raises(
        nb.FreedGraphError,
        match="the graph of this value was freed by an earlier backward; call that backward with retain_graph=True",
    ):
        y.backward()
    assert w.grad.item() == 12.0
    assert y.item() == 8.0


def test_true_keeps_it():
    w = leaf(2.0)
    y = w**3
    assert y.item() == 8.0
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert w.grad.item() == 36.0
    with pytest.raises(nb.FreedGraphError):
        y.backward()


def test_false_frees_it_and_values_stay_readable():
    w = leaf(1.0, 2.0)
    middle = w * 3.0
    y = nb.exp(middle).sum()
    y.backward(retain_graph=False)
    assert y.item() == np.exp([3.0, 6.0]).sum()
    assert middle.tolist() == [3.0, 6.0]
    with pytest.raises(nb.FreedGraphError):
        y.backward()
    with pytest.raises(nb.FreedGraphError):  # what is built on a freed value says so, too
        (y * 2.0).backward()
    first = w.grad.tolist()
    (w * 1.0).sum().backward()
    close(w.grad, np.array(first) + 1.0)


def test_a_graph_that_two_outputs_share():
    w = leaf(2.0)
    shared = w * w
    a, b = shared * 3.0, shared * 5.0
    a.backward(retain_graph=True)
    b.backward()
    assert w.grad.item() == 4.0 * 8.0


def test_freeing_lets_memory_go():
    w = leaf(1.0, 2.0)
    gc.disable()
    try:
        middle = nb.exp(w * 3.0)
        alive = weakref.ref(middle._node)
        y = (middle * middle).sum()
        del middle
        y.backward(retain_graph=True)
        assert alive() is not None
        y.backward(retain_graph=False)
        assert alive() is None
    finally:
        gc.enable()


def test_freeing_inside_a_transform_leaves_what_the_transform_needs():
    w = leaf(3.0)

    def f(x):
        y = w * x * x
        assert float(y.detach()) > 0
        y.backward(retain_graph=False)
        return y

    assert nb.grad(f)(2.0).item() == 12.0
    assert w.grad.item() == 4.0


# ---- create_graph, show_graph ---------------------------------------------------------------------------------


def test_create_graph_makes_gradients_that_can_be_differentiated():
    w = leaf(2.0)
    (w**3).backward(create_graph=True)
    g = w.grad
    assert g.item() == 12.0
    assert g.requires_grad
    w.grad = None
    (g * g).backward()
    assert w.grad.item() == 2 * 12.0 * 12.0


def test_a_constant_gradient_added_to_one_that_can_be_differentiated_is_a_constant():
    w = leaf(2.0)
    (w**3).backward(create_graph=True)
    (w**3).backward()
    assert w.grad.item() == 24.0
    assert not w.grad.requires_grad


def test_without_it_gradients_are_constants():
    w = leaf(2.0)
    (w**3).backward()
    assert not w.grad.requires_grad
    with pytest.raises(nb.ArgumentError, match="do not depend on any requires_grad leaf"):
        w.grad.backward()


def test_a_cotangent_that_depends_on_a_leaf_is_taken_as_a_number():
    w, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
    nb.backward(w, v * 2.0)
    assert w.grad.tolist() == [6.0, 8.0]
    assert not w.grad.requires_grad
    assert v.grad is None


def test_threads_that_share_a_leaf_lose_no_gradient():
    w = leaf(1.0, 2.0)
    threads = [threading.Thread(target=lambda: [(w * 3.0).sum().backward() for _ in range(50)]) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert w.grad.tolist() == [1200.0, 1200.0]


def test_a_penalty_on_the_gradient():
    w, x = leaf(0.5, -0.3), nb.array([1.0, 2.0])
    loss = lambda w: (nb.tanh(w * x) ** 2).sum()
    loss(w).backward(create_graph=True)
    g, w.grad = w.grad, None
    (loss(w) + (g * g).sum()).backward()
    expected = nb.grad(lambda w: loss(w) + (nb.grad(loss)(w) ** 2).sum())(np.array([0.5, -0.3]))
    close(w.grad, expected, rtol=1e-13)


def test_show_graph_prints_what_is_swept():
    w = leaf(2.0)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        nb.exp(w * 3.0).backward(show_graph=True)
    assert "exp" in printed.getvalue()
    assert "mul" in printed.getvalue()
    assert w.grad.item() == pytest.approx(3 * np.exp(6.0))


# ---- with transforms ------------------------------------------------------------------------------------------


def test_leaves_under_transforms():
    """A leaf is a constant for grad, and what a transform gives may depend on a leaf."""
    w = leaf(3.0)
    g = nb.grad(lambda x: x**2 * w)(2.0)
    assert g.requires_grad
    assert g.item() == 12.0
    nb.grad(lambda x: x**2 * w)(2.0).backward()
    assert w.grad.item() == 4.0
    w.grad = None
    nb.vmap(lambda x: x * w)(np.array([1.0, 2.0])).sum().backward()
    assert w.grad.item() == 3.0
    w.grad = None
    nb.jacfwd(lambda x: x**2 * w)(np.array([1.0, 2.0])).sum().backward()
    assert w.grad.item() == 6.0
    assert nb.grad(lambda x: x * x * w)(w).item() == 18.0  # a leaf as the argument


def test_an_ndarray_argument_beside_a_leaf_has_a_tensor_gradient():
    """Or the derivative by the leaf would be lost without a trace."""
    w = leaf(3.0)
    g = nb.grad(lambda x: (x**2 * w).sum())(np.ones(2))
    assert type(g) is nb.Tensor
    g.sum().backward()
    assert w.grad.item() == 4.0
