"""detach and no_grad: what they make is constant, in both modes, to any order, in any nesting."""

import threading

import pytest

import nabla as nb


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_detach_is_constant_in_both_modes_and_to_any_order(mode):
    f = lambda x: x * x.detach() ** 2
    assert nb.grad(f, mode=mode)(3.0).item() == 9.0
    assert nb.grad(nb.grad(f, mode=mode), mode=mode)(3.0).item() == 0.0
    assert nb.grad(lambda x: nb.detach(x) ** 2, mode=mode)(3.0).item() == 0.0
    assert nb.jvp(lambda x: (x * nb.detach(x), x.detach()), (3.0,), (1.0,))[1][1].item() == 0.0
    inner_only = lambda x: nb.grad(lambda y: y * x * nb.detach(y))(x)  # x * detach(x'), where y stands on x
    assert nb.grad(inner_only, mode=mode)(3.0).item() == 3.0


def test_detach_of_a_leaf_and_of_numbers():
    w = nb.array([1.0, 2.0], requires_grad=True)
    d = w.detach()
    assert not d.requires_grad
    (w * d).sum().backward()
    assert w.grad.tolist() == [1.0, 2.0]
    assert nb.detach(2.0).item() == 2.0
    assert nb.detach([1.0, 2.0]).tolist() == [1.0, 2.0]
    d[0] = 100.0
    assert w.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_what_is_made_inside_no_grad_is_constant_for_older_variables(mode):
    def f(x):
        with nb.no_grad():
            y = x * x
        return x * y

    assert nb.grad(f, mode=mode)(3.0).item() == 9.0
    assert nb.grad(nb.grad(f, mode=mode))(3.0).item() == 0.0
    w = nb.array(3.0, requires_grad=True)
    f(w).backward()
    assert w.grad.item() == 9.0


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_variables_made_inside_are_live(mode):
    with nb.no_grad():
        assert nb.grad(lambda x: x**3, mode=mode)(2.0).item() == 12.0
        assert nb.grad(nb.grad(lambda x: x**3), mode=mode)(2.0).item() == 12.0
        assert nb.jvp(lambda x: x**3, (2.0,), (1.0,))[1].item() == 12.0
        assert nb.vjp(lambda x: x**3, 2.0)[1](1.0)[0].item() == 12.0
        assert nb.jacfwd(lambda x: x**3)(2.0).item() == 12.0
        w = nb.array(2.0, requires_grad=True)
        y = w**3
        y.backward()
        assert w.grad.item() == 12.0


@pytest.mark.parametrize("outer", ["reverse", "forward"])
@pytest.mark.parametrize("inner", ["reverse", "forward"])
def test_no_grad_between_two_transforms(outer, inner):
    def f(x):
        with nb.no_grad():
            g = nb.grad(lambda y: y**3 * x, mode=inner)(x)  # constant for x, though right as a number
        return g * x

    assert nb.grad(f, mode=outer)(2.0).item() == 24.0


def test_no_grad_as_a_decorator_nested_and_used_again():
    @nb.no_grad()
    def square(x):
        """Squared."""
        return x * x

    @nb.no_grad
    def cube(x):
        return x * x * x

    assert (square.__name__, square.__doc__, cube.__name__) == ("square", "Squared.", "cube")
    assert nb.grad(lambda x: x * square(x))(3.0).item() == 9.0
    assert nb.grad(lambda x: x * cube(x))(3.0).item() == 27.0
    cut = nb.no_grad()
    with cut:
        with cut:
            assert not (nb.array([1.0, 2.0], requires_grad=True) * 1.0).is_leaf
    w = nb.array(2.0, requires_grad=True)
    with cut, nb.no_grad():
        y = w * w
    assert not y.requires_grad
    assert (w * w).requires_grad
    with pytest.raises(nb.ArgumentTypeError, match="no_grad takes a function; got int"):
        nb.no_grad(3)


def test_no_grad_ends_with_an_exception():
    w = nb.array(2.0, requires_grad=True)
    with pytest.raises(KeyError), nb.no_grad():
        raise KeyError("inside")
    assert (w * w).requires_grad


def test_no_grad_is_that_of_its_own_thread():
    inside, go_on, seen = threading.Event(), threading.Event(), []

    def other():
        with nb.no_grad():
            inside.set()
            go_on.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    seen.append((nb.array(2.0, requires_grad=True) * 2.0).requires_grad)
    go_on.set()
    thread.join()
    assert seen == [True]
