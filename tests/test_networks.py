"""Normalisations, attention, losses, interpolation of nb.nn: masks, options, edges, errors. The table of operators
(operators/networks.py) has their values and derivatives in every mode."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.special

import nabla as nb
from nabla import nn
from nabla.testing import check_grads, check_vmap

rng = np.random.default_rng(0)


def close(found, expected, rtol=1e-12):
    np.testing.assert_allclose(np.asarray(found), expected, rtol=rtol, atol=1e-13)


# ---- normalisations -------------------------------------------------------------------------------------------


def test_normalised_moments():
    x = rng.normal(2.0, 3.0, (6, 4, 5))
    for found, axes in [
        (nn.layer_norm(x, eps=0.0), (2,)),
        (nn.layer_norm(x, axis=(1, 2), eps=0.0), (1, 2)),
        (nn.batch_norm(x, eps=0.0), (0, 2)),
        (nn.batch_norm(x, axis=-1, eps=0.0), (0, 1)),
        (nn.group_norm(x, 4, eps=0.0), (2,)),
        (nn.group_norm(x, 1, eps=0.0), (1, 2)),
    ]:
        close(np.asarray(found).mean(axes), 0.0)
        close(np.asarray(found).var(axes), 1.0)
    close((np.asarray(nn.rms_norm(x, eps=0.0)) ** 2).mean(-1), 1.0)
    assert nn.layer_norm(x.astype(np.float16)).dtype == np.float16


def test_scale_and_shift():
    x, w, b = rng.normal(size=(2, 4, 3)), rng.normal(size=4), rng.normal(size=4)
    column = (slice(None), None)
    close(nn.batch_norm(x, w, b), np.asarray(nn.batch_norm(x)) * w[column] + b[column])
    close(nn.group_norm(x, 2, w, b), np.asarray(nn.group_norm(x, 2)) * w[column] + b[column])
    close(nn.batch_norm(x, mean=b, var=w**2, eps=0.0), (x - b[column]) / np.abs(w[column]))
    check_vmap(lambda x: nn.group_norm(x, 2, w, b), (np.stack([x, 2 * x]),))
    with pytest.raises(nb.ShapeError, match=r"batch_norm: weight has a number for each of the 4 channels; got shape \(3,\)"):
        nn.batch_norm(x, np.ones(3))
    with pytest.raises(nb.ShapeError, match="group_norm: 4 channels do not make 3 groups of one size"):
        nn.group_norm(x, 3)
    with pytest.raises(nb.ShapeError, match=r"group_norm: x has the shape \(batch, channels, \*spatial\); got \(4,\)"):
        nn.group_norm(w, 2)


# ---- attention ------------------------------------------------------------------------------------------------


def test_attention_sees_what_the_mask_lets_it_see():
    q, k, v = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 2))
    mask = rng.uniform(size=(4, 5)) < 0.5
    mask[0], mask[1] = False, True
    scores = np.where(mask, q @ k.swapaxes(1, 2) / np.sqrt(3), -np.inf)
    expected = np.concatenate([np.zeros((2, 1, 2)), scipy.special.softmax(scores[:, 1:], -1) @ v], 1)
    close(nn.scaled_dot_product_attention(q, k, v, mask), expected)
    close(
        nn.scaled_dot_product_attention(q, k, v, is_causal=True), nn.scaled_dot_product_attention(q, k, v, np.tri(4, 5, dtype=bool))
    )
    both = mask & np.tri(4, 5, dtype=bool)
    close(nn.scaled_dot_product_attention(q, k, v, mask, is_causal=True), nn.scaled_dot_product_attention(q, k, v, both))
    added = np.where(mask[1:], 0.0, -np.inf)
    close(nn.scaled_dot_product_attention(q[:, 1:], k, v, added, scale=1 / np.sqrt(3)), expected[:, 1:])
    # A query that sees nothing has no part in any derivative, and none is NaN.
    check_grads(lambda *xs: nn.scaled_dot_product_attention(*xs, mask), (q, k, v), order=2)
    assert not np.any(nb.grad(lambda q: nn.scaled_dot_product_attention(q, k, v, mask).sum())(q)[:, 0])


def test_attention_refuses():
    x = np.ones((3, 2))
    with pytest.raises(nb.ShapeError, match=r"query, key and value have the shapes .*; got \(3, 2\), \(3, 2\) and \(2, 2\)"):
        nn.scaled_dot_product_attention(x, x, x[:2])
    with pytest.raises(nb.ArgumentError, match="is_causal goes along with a mask of booleans, not with numbers to add"):
        nn.scaled_dot_product_attention(x, x, x, np.zeros((3, 3)), is_causal=True)
    with pytest.raises(nb.DTypeError, match="scaled_dot_product_attention"):
        nn.scaled_dot_product_attention(x * 1j, x, x)


# ---- losses ---------------------------------------------------------------------------------------------------


def test_cross_entropy():
    x, y = rng.normal(size=(2, 3, 4)), rng.integers(0, 3, (2, 4))
    logs = scipy.special.log_softmax(x, 1)
    each = -np.take_along_axis(logs, y[:, None], 1)[:, 0]
    close(nn.cross_entropy(x, y, axis=1, reduction="none"), each)
    close(nn.cross_entropy(x, y, axis=1), each.mean())
    close(nn.cross_entropy(x, y, axis=1, reduction="sum"), each.sum())
    probabilities = np.moveaxis(np.eye(3)[y], -1, 1)
    close(nn.cross_entropy(x, probabilities, axis=1), each.mean())
    even = 0.7 * probabilities + 0.1
    close(nn.cross_entropy(x, y, axis=1, label_smoothing=0.3), nn.cross_entropy(x, even, axis=1))
    slope = nb.grad(lambda x: nn.cross_entropy(x, y, axis=1, reduction="sum"))(x)
    close(slope, np.exp(logs) - probabilities)
    far = np.array([[1e4, 0.0], [0.0, 1e4]])
    assert nn.cross_entropy(far, np.array([0, 1])).item() == 0.0
    check_vmap(lambda x, y: nn.cross_entropy(x, y, axis=0), (x, y))


def test_binary_cross_entropy():
    x, y = rng.normal(size=5) * 5, rng.uniform(size=5)
    p = scipy.special.expit(x)
    close(nn.binary_cross_entropy_with_logits(x, y, reduction="none"), -y * np.log(p) - (1 - y) * np.log1p(-p), 1e-10)
    close(nb.grad(lambda x: nn.binary_cross_entropy_with_logits(x, y, reduction="sum"))(x), p - y)


def test_squares():
    x, y = np.array([0.2, 3.0, -4.0]), np.array([0.0, 1.0, 1.0])
    close(nn.huber_loss(x, y, delta=1.5, reduction="none"), scipy.special.huber(1.5, x - y))
    close(nb.grad(lambda x: nn.huber_loss(x, y, delta=1.5, reduction="sum"))(x), np.clip(x - y, -1.5, 1.5))
    close(nn.mse_loss(x, y), np.mean((x - y) ** 2))
    close(nn.mse_loss(x * 1j, y), np.mean(np.abs(x * 1j - y) ** 2))
    check_grads(lambda x: nn.huber_loss(x, y * 1j), (x + 0.5j,))


def test_losses_refuse():
    x = np.ones((2, 3))
    for loss in (nn.mse_loss, nn.huber_loss):
        with pytest.raises(nb.ShapeError, match=r"loss: predictions and targets have one shape; got \(2, 3\) and \(3,\)"):
            loss(x, x[0])
    with pytest.raises(nb.ArgumentError, match='mse_loss: reduction is "mean", "sum" or "none"; got \'all\''):
        nn.mse_loss(x, x, reduction="all")
    with pytest.raises(
        nb.ShapeError, match=r"labels have the shape \(2,\) of logits of shape \(2, 3\), without the axis of classes"
    ):
        nn.cross_entropy(x, np.array([0, 1, 2]))
    with pytest.raises(
        nb.ShapeError, match=r"labels have the shape \(2, 3\) of logits of shape \(2, 3\), as they are probabilities"
    ):
        nn.cross_entropy(x, x[0])
    with pytest.raises(nb.BoundsError):
        nn.cross_entropy(x, np.array([0, 3]))
    with pytest.raises(nb.ShapeError, match=r"labels have the shape of logits, \(2, 3\); got \(3,\)"):
        nn.binary_cross_entropy_with_logits(x, x[0])


# ---- embedding, dropout ---------------------------------------------------------------------------------------


def test_embedding():
    table, x = rng.normal(size=(4, 2)), np.array([[1, 1], [3, 0]])
    close(nn.embedding(x, table), table[x])
    close(nb.grad(lambda t: nn.embedding(x, t).sum())(table), np.array([[1.0, 1], [2, 2], [0, 0], [1, 1]]))
    with pytest.raises(nb.BoundsError):
        nn.embedding(np.array([4]), table)
    with pytest.raises(nb.DTypeError, match="embedding: the numbers of rows are integers; got float64"):
        nn.embedding(table, table)
    with pytest.raises(nb.ShapeError, match=r"embedding: the table has a row for each number; got a tensor of shape \(\)"):
        nn.embedding(x, 1.0)


def test_dropout():
    key, x = nb.random.key(3), rng.normal(size=20_000)
    out = np.asarray(nn.dropout(key, x, 0.3))
    kept = out != 0
    assert abs(kept.mean() - 0.7) < 0.02
    close(out[kept], x[kept] / 0.7)
    close(nb.grad(lambda x: nn.dropout(key, x, 0.3).sum())(x), kept / 0.7)
    close(nn.dropout(key, x, 0), x)
    keys = nb.random.split(key, 3)
    lanes = np.asarray(nb.vmap(nn.dropout, in_axes=(0, None))(keys, x[:50]))
    assert len({row.tobytes() for row in lanes != 0}) == 3
    with pytest.raises(nb.ArgumentError, match="dropout: rate is a probability from 0 up to, but not, 1; got 1"):
        nn.dropout(key, x, 1)


# ---- interpolation at coordinates -----------------------------------------------------------------------------

MODES = ["constant", "grid-constant", "nearest", "mirror", "reflect", "grid-mirror", "grid-wrap"]


@pytest.mark.parametrize("mode", MODES)
def test_map_coordinates_against_scipy(mode):
    at = rng.uniform(-9, 16, (2, 200))
    for shape in ((5, 7), (1, 7), (2, 1)):
        x = rng.normal(size=shape)
        for order in (0, 1):
            expected = scipy.ndimage.map_coordinates(x, at, order=order, mode=mode, cval=0.7)
            close(nn.map_coordinates(x, at, order, mode, 0.7), expected)
            close(nn.map_coordinates(x * 1j, list(at), order, mode, 0.7j), expected * 1j)
    x = rng.normal(size=(5, 7))
    for whole in (np.array([[0.0, 4.0, 4.0], [6.0, 0.0, 6.0]]), np.array([[0.0, -1.0, 5.0], [7.0, 0.0, -1.0]])):
        close(nn.map_coordinates(x, whole, 1, mode), scipy.ndimage.map_coordinates(x, whole, order=1, mode=mode))
    inside = np.array([[0.3, 3.8, 2.2], [1.4, 5.7, 0.6]])
    check_grads(lambda x, c: nn.map_coordinates(x, c, 1, mode), (x, inside), order=2)
    check_grads(lambda x, c: nn.map_coordinates(x, c, 1, mode), (x, inside + 8.1))
    check_vmap(lambda x, c: nn.map_coordinates(x, c, 1, mode), (x[None], inside[None]))


def test_map_coordinates_takes_and_refuses():
    x = np.arange(6).reshape(2, 3)
    assert nn.map_coordinates(x, ([0, 1], [2, 1]), 0).dtype == np.int64
    assert nn.map_coordinates(x, ([[0.5], [1.0]], [0.0, 1.0]), 1).tolist() == [[1.5, 2.5], [3.0, 4.0]]
    assert np.isnan(nn.map_coordinates(x, ([np.nan], [0.0]), 1, "nearest").item())
    with pytest.raises(nb.ShapeError, match=r"there is a coordinate for each axis of x, of shape \(2, 3\); got 1"):
        nn.map_coordinates(x, [[0.0]], 1)
    with pytest.raises(nb.ShapeError, match=r"there is nothing to interpolate in x of shape \(0,\)"):
        nn.map_coordinates(np.zeros(0), [[0.0]], 1)
    with pytest.raises(nb.ArgumentError, match=r"order is 0 \(nearest\) or 1 \(linear\); got 3"):
        nn.map_coordinates(x, [[0.0], [0.0]], 3)
    with pytest.raises(nb.ArgumentError, match=r"mode is one of 'constant', .*; got 'wrap'"):
        nn.map_coordinates(x, [[0.0], [0.0]], 1, "wrap")
