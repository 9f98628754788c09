"""ba: bundle adjustment, the reprojection errors of points seen by cameras, and their sparse Jacobian.

A camera is a rotation vector r, a centre C, a focal length f, a principal point u and radial distortions k1, k2. It sees X at

    p = f (1 + k1 ρ + k2 ρ²) (Y_0, Y_1) / Y_2 + u,    Y = R(r) (X - C),  ρ = |(Y_0, Y_1) / Y_2|²,

and an observation with weight w, of a camera, a point and where it was seen, has the errors w (p - seen) and 1 - w². The two rows
of the Jacobian that belong to the first have 15 entries, 11 for the camera, 3 for the point and 1 for the weight: the dense
blocks of all observations at once are its values, row after row.
"""

import numpy as np

import nabla as nb
from workloads.base import Workload, jax, jnp, torch

CAMERA, POINT = 11, 3


def make(n, m, p):
    """As the reference cases, one camera, point, weight and feature, with others near them."""
    rng = np.random.default_rng(31337)
    cameras = np.array([0.1, -0.2, 0.15, 0.3, -0.4, -10.0, 400.0, 5.0, -8.0, -0.05, 0.002]) * rng.uniform(0.9, 1.1, (n, CAMERA))
    return {
        "cameras": cameras, "points": rng.uniform(-1, 1, (m, POINT)), "weights": rng.uniform(size=p),
        "features": rng.uniform(-40, 40, (p, 2)), "camera_of": np.arange(p) % n, "point_of": np.arange(p) % m,
    }  # fmt: skip


def read(given):
    """A reference case has one camera, one point, one weight and one feature, which all observations share."""
    n, m, p = given["n"], given["m"], given["p"]
    return {
        "cameras": np.tile(given["cam"], (n, 1)), "points": np.tile(given["x"], (m, 1)), "weights": np.full(p, given["w"]),
        "features": np.tile(given["feat"], (p, 1)), "camera_of": np.arange(p) % n, "point_of": np.arange(p) % m,
    }  # fmt: skip


def output(function, result):
    if function == "jacobian":
        return {name: [*x[:30].tolist(), x[-1].item()] for name, x in zip(("vals", "cols", "rows"), result, strict=True)}
    errors, weights = result
    return {
        "reproj_error": {"elements": errors[0].tolist(), "repeated": len(errors)},
        "w_err": {"element": weights[0].item(), "repeated": len(weights)},
    }


def in_nabla(jit, cameras, points, weights, features, camera_of, point_of):
    def rotated(r, x):
        square = r @ r
        angle = nb.sqrt(square)
        axis = r / angle
        turned = x * nb.cos(angle) + nb.cross(axis, x) * nb.sin(angle) + axis * (axis @ x) * (1 - nb.cos(angle))
        return nb.where(square == 0, x + nb.cross(r, x), turned)

    def error(camera, x, w, feature):
        y = rotated(camera[:3], x - camera[3:6])
        p = y[:2] / y[2]
        square = p @ p
        p = p * (1 + camera[9] * square + camera[10] * square**2)
        return w * (p * camera[6] + camera[7:9] - feature)

    def objective(cameras, points, weights, features, camera_of, point_of):
        return nb.vmap(error)(cameras[camera_of], points[point_of], weights, features), 1 - weights**2

    def jacobian(cameras, points, weights, features, camera_of, point_of):
        n, m, p = len(cameras), len(points), len(weights)
        blocks = nb.vmap(nb.jacrev(error, (0, 1, 2)))(cameras[camera_of], points[point_of], weights, features)
        of_camera, of_point, of_weight = blocks
        values = nb.concat([of_camera, of_point, of_weight[:, :, None]], axis=2)
        weight_at = CAMERA * n + POINT * m + nb.arange(p)
        camera_at = CAMERA * camera_of[:, None] + nb.arange(CAMERA)
        point_at = CAMERA * n + POINT * point_of[:, None] + nb.arange(POINT)
        columns = nb.concat([camera_at, point_at, weight_at[:, None]], axis=1)
        return (
            nb.concat([values.ravel(), -2 * weights]),
            nb.concat([nb.repeat(columns[:, None], 2, axis=1).ravel(), weight_at]),
            nb.concat([15 * nb.arange(2 * p), 30 * p + nb.arange(p + 1)]),
        )

    args = tuple(nb.asarray(a) for a in (cameras, points, weights, features, camera_of, point_of))
    return {"objective": (jit(objective), args), "jacobian": (jit(jacobian), args)}


def in_jax(cameras, points, weights, features, camera_of, point_of):
    def rotated(r, x):
        square = r @ r
        angle = jnp.sqrt(jnp.where(square == 0, 1.0, square))  # else the derivative of what is not chosen would be NaN
        axis = r / angle
        turned = x * jnp.cos(angle) + jnp.cross(axis, x) * jnp.sin(angle) + axis * (axis @ x) * (1 - jnp.cos(angle))
        return jnp.where(square == 0, x + jnp.cross(r, x), turned)

    def error(camera, x, w, feature):
        y = rotated(camera[:3], x - camera[3:6])
        p = y[:2] / y[2]
        square = p @ p
        p = p * (1 + camera[9] * square + camera[10] * square**2)
        return w * (p * camera[6] + camera[7:9] - feature)

    def objective(cameras, points, weights, features, camera_of, point_of):
        return jax.vmap(error)(cameras[camera_of], points[point_of], weights, features), 1 - weights**2

    def jacobian(cameras, points, weights, features, camera_of, point_of):
        n, m, p = len(cameras), len(points), len(weights)
        blocks = jax.vmap(jax.jacrev(error, (0, 1, 2)))(cameras[camera_of], points[point_of], weights, features)
        of_camera, of_point, of_weight = blocks
        values = jnp.concatenate([of_camera, of_point, of_weight[:, :, None]], axis=2)
        weight_at = CAMERA * n + POINT * m + jnp.arange(p)
        camera_at = CAMERA * camera_of[:, None] + jnp.arange(CAMERA)
        point_at = CAMERA * n + POINT * point_of[:, None] + jnp.arange(POINT)
        columns = jnp.concatenate([camera_at, point_at, weight_at[:, None]], axis=1)
        return (
            jnp.concatenate([values.ravel(), -2 * weights]),
            jnp.concatenate([jnp.repeat(columns[:, None], 2, axis=1).ravel(), weight_at]),
            jnp.concatenate([15 * jnp.arange(2 * p), 30 * p + jnp.arange(p + 1)]),
        )

    args = tuple(jnp.asarray(a) for a in (cameras, points, weights, features, camera_of, point_of))
    return {"objective": (jax.jit(objective), args), "jacobian": (jax.jit(jacobian), args)}


def in_torch(cameras, points, weights, features, camera_of, point_of):
    def rotated(r, x):
        square = (r * r).sum(1, keepdim=True)
        angle = torch.sqrt(torch.where(square == 0, 1.0, square))
        axis = r / angle
        along = (axis * x).sum(1, keepdim=True)
        turned = x * torch.cos(angle) + torch.cross(axis, x, 1) * torch.sin(angle) + axis * along * (1 - torch.cos(angle))
        return torch.where(square == 0, x + torch.cross(r, x, 1), turned)

    def errors(cameras, points, weights, features):
        """Of all observations at once, each with its own row: faster than torch.func.vmap of one."""
        y = rotated(cameras[:, :3], points - cameras[:, 3:6])
        p = y[:, :2] / y[:, 2:]
        square = (p * p).sum(1, keepdim=True)
        p = p * (1 + cameras[:, 9:10] * square + cameras[:, 10:] * square**2)
        return weights[:, None] * (p * cameras[:, 6:7] + cameras[:, 7:9] - features)

    def objective(cameras, points, weights, features, camera_of, point_of):
        return errors(cameras[camera_of], points[point_of], weights, features), 1 - weights**2

    def jacobian(cameras, points, weights, features, camera_of, point_of):
        n, m, p = len(cameras), len(points), len(weights)
        own = [a.detach().requires_grad_() for a in (cameras[camera_of], points[point_of], weights)]
        sums = errors(*own, features).sum(0)
        rows = [torch.autograd.grad(total, own, retain_graph=True) for total in sums]
        values = torch.stack([torch.cat([a, b, c[:, None]], 1) for a, b, c in rows], 1)
        weight_at = CAMERA * n + POINT * m + torch.arange(p)
        camera_at = CAMERA * camera_of[:, None] + torch.arange(CAMERA)
        point_at = CAMERA * n + POINT * point_of[:, None] + torch.arange(POINT)
        columns = torch.cat([camera_at, point_at, weight_at[:, None]], 1)
        return (
            torch.cat([values.ravel(), -2 * weights]),
            torch.cat([columns[:, None].expand(-1, 2, -1).ravel(), weight_at]),
            torch.cat([15 * torch.arange(2 * p), 30 * p + torch.arange(p + 1)]),
        )

    args = tuple(torch.from_numpy(a) for a in (cameras, points, weights, features, camera_of, point_of))
    return {"objective": (objective, args), "jacobian": (jacobian, args)}


WORKLOAD = Workload(
    "reprojection errors of p observations of m points by n cameras, and their Jacobian as a sparse matrix",
    sizes={
        "n=10,p=2000": {"n": 10, "m": 500, "p": 2000}, "n=49,p=31843": {"n": 49, "m": 7776, "p": 31843},
        "n=161,p=182072": {"n": 161, "m": 48126, "p": 182072},
    },
    make=make, nabla=in_nabla, jax=in_jax, torch=in_torch, derivatives={"jacobian": "objective"}, read=read, output=output,
)  # fmt: skip
