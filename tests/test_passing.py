"""Gradients scaled, reversed, clipped and stopped on their way back."""

import numpy as np
import pytest

import nabla as nb

close = np.testing.assert_allclose
X = np.array([3.0, -0.2, 0.0])


@pytest.mark.parametrize(
    "pass_on",
    [
        lambda x: nb.scale_gradient(x, 0.5),
        nb.reverse_gradient,
        lambda x: nb.clip_gradient(x, -1.0, 1.0),
        lambda x: nb.clip_gradient(x, norm=2.0),
        nb.stop_gradient,
    ],
)
def test_the_values_are_the_same(pass_on):
    for x in (X, X.astype("float32"), np.array(2.0)):
        out = pass_on(x)
        assert out.tolist() == x.tolist() and out.dtype == x.dtype and out.shape == x.shape
    assert nb.vmap(pass_on)(X).tolist() == X.tolist()
    out = pass_on({"a": X, "b": [1.0, (2.0,)]})
    assert out["a"].tolist() == X.tolist() and out["b"][1][0].item() == 2.0


def test_scaled():
    def f(x):
        return (nb.scale_gradient(x, 0.25) ** 3).sum()

    close(nb.grad(f)(X), 0.75 * X**2)
    close(nb.grad(f, mode="forward")(X), 0.75 * X**2)
    close(nb.jvp(f, (X,), (np.ones(3),))[1], (0.75 * X**2).sum())
    close(nb.vmap(nb.grad(f))(np.stack([X, 2 * X])), 0.75 * np.stack([X, 2 * X]) ** 2)
    # The factor counts in each order: each derivative passes there again.
    close(nb.grad(nb.grad(f))(2.0), 0.25 * 0.25 * 6.0 * 2.0)
    close(nb.grad(lambda x: nb.jvp(f, (x,), (1.0,))[1])(2.0), 0.25 * 0.25 * 6.0 * 2.0)


def test_scaled_by_an_array_and_in_its_own_dtype():
    factor = np.array([1.0, 2.0, 3.0])
    close(nb.grad(lambda x: nb.scale_gradient(x, factor).sum())(X), factor)
    g = nb.grad(lambda x: nb.scale_gradient(x, factor).sum())(X.astype("float32"))
    assert g.dtype == np.float32
    with pytest.raises(nb.NotDifferentiableError, match="scale_gradient: argument 1 is among its nondiff_argnums"):
        nb.grad(lambda c: nb.scale_gradient(X, c).sum())(2.0)
    assert nb.vmap(lambda x, c: nb.grad(lambda x: nb.scale_gradient(x, c))(x))(X, factor).tolist() == factor.tolist()


def test_reversed():
    close(nb.grad(lambda x: (nb.reverse_gradient(x) ** 2).sum())(X), -2.0 * X)
    close(nb.grad(lambda x: (nb.reverse_gradient(x, 3.0) ** 2).sum())(X), -6.0 * X)
    close(nb.jvp(lambda x: nb.reverse_gradient(x, 3.0), (X,), (np.ones(3),))[1], [-3.0] * 3)


def test_clipped_by_element():
    close(nb.grad(lambda x: (nb.clip_gradient(x, -1.0, 0.5) ** 2).sum())(X), np.clip(2.0 * X, -1.0, 0.5))
    close(nb.grad(lambda x: (nb.clip_gradient(x, high=0.5) ** 2).sum())(X), np.minimum(2.0 * X, 0.5))
    close(nb.vmap(nb.grad(lambda x: nb.clip_gradient(x, -1.0, 1.0) ** 2))(X), np.clip(2.0 * X, -1.0, 1.0))
    # Where nothing is clipped, the second derivative is there; where it is, the gradient is constant.
    assert nb.grad(nb.grad(lambda x: nb.clip_gradient(x, -5.0, 5.0) ** 2))(0.1).item() == 2.0
    assert nb.grad(nb.grad(lambda x: nb.clip_gradient(x, -5.0, 5.0) ** 2))(3.0).item() == 0.0


def test_clipped_by_norm():
    def f(p):
        p = nb.clip_gradient(p, norm=1.0)
        return 3.0 * p["a"].sum() + 4.0 * p["b"]

    g = nb.grad(f)({"a": np.ones(1), "b": 2.0})
    close([g["a"][0], g["b"].item()], [0.6, 0.8])
    small = nb.grad(lambda x: (0.1 * nb.clip_gradient(x, norm=1.0)).sum())(X)
    close(small, [0.1] * 3)
    assert nb.grad(lambda x: (0.0 * nb.clip_gradient(x, norm=1.0)).sum())(X).tolist() == [0.0] * 3
    close(nb.vmap(nb.grad(lambda x: 10.0 * nb.clip_gradient(x, norm=1.0)))(X), [1.0] * 3)
    g = nb.grad(lambda z: nb.real(3.0j * nb.clip_gradient(z, norm=1.0)))(1.0 + 1.0j)
    close(g, 1.0j)


def test_clipping_has_no_forward_mode():
    for clipped in (lambda x: nb.clip_gradient(x, -1.0, 1.0), lambda x: nb.clip_gradient(x, norm=1.0)):
        with pytest.raises(nb.NotDifferentiableError, match=r"clip_gradient was differentiated in forward mode \(at .*passing"):
            nb.jvp(clipped, (1.0,), (1.0,))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nb.clip_gradient(X), "clip_gradient: give low, high or norm"),
        (lambda: nb.clip_gradient(X, 0.0, norm=1.0), "give bounds for each element, or norm, not both"),
        (lambda: nb.clip_gradient(X, norm=-1.0), "norm must be a positive number; got -1.0"),
        (lambda: nb.clip_gradient(X, norm="x"), "norm must be a positive number; got 'x'"),
    ],
)
def test_wrong_uses(call, message):
    with pytest.raises(nb.NablaError, match=message):
        call()


def test_stopped():
    assert nb.stop_gradient is nb.detach
    out = nb.grad(lambda p: (nb.detach(p)["a"] * p["a"]).sum())({"a": X})
    close(out["a"], X)
    assert nb.jvp(lambda x: nb.stop_gradient([x, {"y": x}])[1]["y"], (1.0,), (1.0,))[1].item() == 0.0
