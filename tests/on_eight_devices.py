"""What needs several devices; test_devices.py runs it in a process of its own, whose CPU is eight devices to XLA."""

import numpy as np
import pytest

import nabla as nb
from nabla import errors

P = nb.PartitionSpec
MESH = nb.Mesh((4, 2), ("data", "model"))
X = np.random.default_rng(0).standard_normal((8, 6))


def same(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12, atol=1e-14)


# ---- one at a time --------------------------------------------------------------------------------------------


def test_names():
    assert nb.devices() == ("cpu", *[f"cpu:{i}" for i in range(8)])


def test_two_devices_do_not_mix():
    x, y = nb.array(X, device="cpu:1"), nb.array(X, device="cpu:2")
    with pytest.raises(errors.ArgumentError, match=r"add: what meets lies on cpu:1 and on cpu:2; .* move one: x\.to\('cpu:1'\)"):
        (x + y).realize()
    with pytest.raises(errors.ArgumentError, match=r"jit: what meets lies on cpu:1 and on cpu:2"):
        nb.jit(nb.add)(x, y)
    assert (x + y.to("cpu:1")).device == "cpu:1"
    same(x + y.to("cpu:1"), 2 * X)


def test_memory_and_scalars_follow():
    x = nb.array(X, device="cpu:3")
    for y in (2.0, np.float64(2.0), np.full((8, 6), 2.0), nb.full((8, 6), 2.0)):
        assert (x * y).device == "cpu:3" == (y * x).device
        same(x * y, 2 * X)


def test_from_device_to_device():
    assert nb.grad(lambda x: nb.sin(x.to("cpu:2")).sum())(nb.array(X, device="cpu:1")).device == "cpu:1"
    same(nb.grad(lambda x: nb.sin(x.to("cpu:2")).sum())(nb.array(X, device="cpu:1")), np.cos(X))


def test_each_call_of_a_program_runs_where_its_inputs_are():
    f = nb.jit(nb.value_and_grad(lambda x: nb.sin(x).sum()))
    for device in ("cpu:1", "cpu:2", "cpu", "cpu:1"):
        value, gradient = f(nb.array(X, device=device))
        assert value.device == device == gradient.device
        same(gradient, np.cos(X))
    assert f.compilations == 1


# ---- all at once ----------------------------------------------------------------------------------------------

DRAW = np.random.default_rng(1)
IMAGES, WANTED = DRAW.standard_normal((8, 6)), DRAW.standard_normal((8, 4))
WEIGHTS = {"inner": DRAW.standard_normal((6, 10)), "outer": DRAW.standard_normal((10, 4))}
LAYOUTS = {
    "data": ({"inner": P(), "outer": P()}, P("data")),
    "model": ({"inner": P(None, "model"), "outer": P("model")}, P()),
    "both": ({"inner": P(None, "model"), "outer": P("model")}, P("data")),
    "two axes as one": ({"inner": P(), "outer": P()}, P(("data", "model"))),
}


def loss(weights, images, wanted):
    return nb.mean((nb.tanh(images @ weights["inner"]) @ weights["outer"] - wanted) ** 2)


@pytest.fixture(params=LAYOUTS)
def laid_out(request):
    of_weights, of_batch = LAYOUTS[request.param]
    weights = {name: nb.shard(w, MESH, of_weights[name]) for name, w in WEIGHTS.items()}
    return weights, nb.shard(IMAGES, MESH, of_batch), nb.shard(WANTED, MESH, of_batch)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_training_step_on_a_mesh_is_that_on_one_device(laid_out, compiled):
    step = nb.value_and_grad(loss)
    value, gradient = step({name: nb.array(w) for name, w in WEIGHTS.items()}, IMAGES, WANTED)
    found, slopes = (nb.jit(step) if compiled else step)(*laid_out)
    same(found, value)
    for name, slope in slopes.items():
        same(slope, gradient[name])
        assert isinstance(slope.device, nb.Sharding) and slope.device.mesh == MESH
        if laid_out[0][name].device.spec != P():
            assert slope.device == laid_out[0][name].device


def test_layouts():
    x = nb.shard(X, MESH, P("data", "model"))
    assert x.device == nb.Sharding(MESH, P("data", "model")) == nb.Sharding(MESH, P("data", "model"))
    assert (2 * nb.sin(x)).device == x.device == nb.zeros_like(x).device == nb.jit(nb.sin)(x).device
    assert nb.shard(x, MESH, P()).device == nb.Sharding(MESH, P())
    assert nb.zeros((4, 2), device=x.device).device == x.device
    assert x.to("cpu").device == "cpu" and x.to("cpu:3").device == "cpu:3"
    assert nb.grad(lambda y: nb.sin(nb.shard(y, MESH, P("data"))).sum())(nb.array(X)).device == "cpu"
    same(x, X)
    same(nb.linalg.norm(x, 2), np.linalg.norm(X, 2))
    tree = nb.shard({"a": X, "b": (X,)}, MESH, P("data"))
    assert tree["b"][0].device == nb.Sharding(MESH, P("data"))


def test_constraints():
    mark = lambda x: nb.with_sharding_constraint(2 * x, MESH, P("data"))
    assert nb.jit(mark)(X).device == nb.jit(mark)(nb.shard(X, MESH, P())).device == nb.Sharding(MESH, P("data"))
    assert mark(nb.shard(X, MESH, P())).device == nb.Sharding(MESH, P("data"))
    same(nb.jit(nb.grad(lambda x: (mark(x) ** 2).sum()))(X), 8 * X)
    same(mark(X), 2 * X)
    over = lambda **how: nb.jit(nb.vmap(lambda x: nb.with_sharding_constraint(2 * x, MESH, P("data")), **how))
    X4 = np.ones((2, 8, 3))
    assert over(spmd_axis_name="model")(X4).device == nb.Sharding(MESH, P("model", "data"))
    same(over()(X4), 2 * X4)
    with pytest.raises(errors.ArgumentError, match="names an axis twice"):
        over(spmd_axis_name="data")(X4)


def test_what_cannot_lie_so():
    with pytest.raises(errors.ShapeError, match=r"shard: PartitionSpec\('data'\) cuts axis 0 of shape \(7,\) into 4 parts"):
        nb.shard(np.ones(7), MESH, P("data"))
    with pytest.raises(errors.ShapeError, match="has more entries than an array of shape"):
        nb.shard(np.ones(8), MESH, P("data", "model"))
    with pytest.raises(errors.ArgumentError, match="names 'rows', and the axes of the mesh are data, model"):
        nb.shard(X, MESH, P("rows"))
    with pytest.raises(errors.ArgumentError, match=r"Mesh\(a=16\) takes 16 devices, and there are 8; .*device_count=16"):
        nb.shard(np.ones(16), nb.Mesh(16, "a"), P("a"))
    with pytest.raises(errors.ArgumentError, match=r"add: what meets lies on .*put it on the mesh"):
        (nb.shard(X, MESH, P()) + nb.array(X, device="cpu:1")).realize()


# ---- by parts -------------------------------------------------------------------------------------------------


def parts(f, in_specs, out_specs, mesh=MESH):
    return nb.shard_map(f, mesh=mesh, in_specs=in_specs, out_specs=out_specs)


def product(x, y):
    """A product of matrices, each device with a block of x and of y."""
    assert x.shape == (2, 3) and y.shape == (3, 5)
    return nb.psum(x @ y, "model")


BY_PARTS = parts(product, (P("data", "model"), P("model")), P("data"))
Y = DRAW.standard_normal((6, 5))


@pytest.mark.parametrize("place", ["memory", "mesh"])
@pytest.mark.parametrize("compiled", [True, False])
def test_shard_map(place, compiled):
    x, y = (X, Y) if place == "memory" else (nb.shard(X, MESH, P("data", "model")), nb.shard(Y, MESH, P("model")))
    f = nb.jit(BY_PARTS) if compiled else BY_PARTS
    same(f(x, y), X @ Y)
    square = lambda x, y: (f(x, y) ** 2).sum()
    same(nb.grad(square, 1)(x, y), nb.grad(lambda y: ((X @ y) ** 2).sum())(Y))
    same(nb.jvp(f, (x, y), (x, y))[1], 2 * X @ Y)


def test_shard_map_collectives():
    ring = [(i, (i + 1) % 4) for i in range(4)]
    f = parts(lambda x: nb.ppermute(x, "data", ring), P("data"), P("data"))
    same(nb.jit(f)(nb.shard(X, MESH, P("data"))), np.roll(X, 2, 0))
    same(parts(lambda x: nb.all_gather(x, "data", tiled=True), P("data"), P())(X), X)
    same(parts(lambda x: nb.reduce_scatter(x, "data", tiled=True), P(), P("data"))(X), 4 * X)
    same(
        parts(lambda x: nb.axis_index("data") * 10 + nb.axis_index("model") + 0 * x, P("data", "model"), P("data", "model"))(
            np.zeros((4, 2), int)
        ),
        [[0, 1], [10, 11], [20, 21], [30, 31]],
    )
    every = P(("data", "model"))
    both = parts(lambda t: {"sum": nb.psum(t["x"], ("data", "model")), "x": t["x"]}, every, {"sum": P(), "x": every})
    found = both({"x": X})
    same(found["sum"], X.sum(0)[None])
    same(found["x"], X)


def test_the_partitioner_makes_collectives_of_the_devices_of_it():
    def text(f, *args):
        return nb.jit(f).lower(*args).compile().as_text()

    assert "all-reduce(" in text(BY_PARTS, X, Y)
    ring = [(i, (i + 1) % 4) for i in range(4)]
    assert "collective-permute(" in text(parts(lambda x: nb.ppermute(x, "data", ring), P("data"), P("data")), X)


def test_shard_map_refuses():
    with pytest.raises(errors.ArgumentError, match="out_axes is None"):
        parts(lambda x: x, P("data"), P())(X)
    with pytest.raises(errors.ShapeError, match=r"shard_map: args\[0\]: .* cuts axis 0"):
        parts(lambda x: x, P("data"), P("data"))(np.ones(3))
    with pytest.raises(errors.ArgumentError, match="in_specs has 1 entries"):
        parts(lambda x, y: x, (P("data"),), P())(X, X)
