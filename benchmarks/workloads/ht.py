"""ht: hand tracking, how far measured points lie from the skin of a hand in a pose θ, and the compressed Jacobian of that.

The hand has bones in a tree. The Euler angles of a bone, of which θ[6:] gives some and the others are zero, make its rotation, and

    absolute_i = absolute_parent relative_i Rz Ry Rx,    T_i = absolute_i inverse_i.

A vertex v with a weight for each bone goes to Σ_i weight_i T_i v, and then all are turned by the rotation vector θ[:3] and moved by
θ[3:6]. The error of a point is its distance from a vertex, or from u0 p0 + u1 p1 + (1 - u0 - u1) p2 on a triangle with corners p,
with a u of its own. Such an error has derivatives by 26 θ and by its own u, and is no function of the u of other points: so one
direction gives the derivatives by the u0 of all points, and one those by all u1. Forward mode with 28 directions gives all.
"""

import numpy as np

import nabla as nb
from workloads.base import Workload, jax, jnp, torch

BONES, ANGLES = 22, 26
PARENTS = [-1, *[0 if joint == 0 else 4 * finger + joint for finger in range(5) for joint in range(4)], 0]


def turning():
    """Which Euler angles of which bones θ[6:] are: two of the second bone of each finger, one of the third and the fourth."""
    places = [place for k in range(2, 22, 4) for place in ((k, 0), (k, 1), (k + 1, 0), (k + 2, 0))]
    return tuple(np.array(column) for column in zip(*places, strict=True))


def levels(parents):
    """The bones level by level: the roots; then bones, and where in the level before their parents are. And each one's place."""
    level = [i for i, parent in enumerate(parents) if parent < 0]
    found = [np.array(level)]
    while following := [i for i, parent in enumerate(parents) if parent in level]:
        found.append((np.array(following), np.array([level.index(parents[i]) for i in following])))
        level = following
    order = np.concatenate([found[0], *[bones for bones, _ in found[1:]]])
    return found, np.argsort(order)


def make(vertices, points):
    rng = np.random.default_rng(31337)

    def rigid(count):
        found = np.tile(np.eye(4), (count, 1, 1))
        found[:, :3, :3] = np.linalg.qr(rng.normal(size=(count, 3, 3)))[0]
        found[:, :3, 3] = rng.normal(scale=0.05, size=(count, 3))
        return found

    weights = np.zeros((vertices, BONES))
    share = rng.uniform(size=vertices)
    for part in (share, 1 - share):
        weights[np.arange(vertices), rng.integers(BONES, size=vertices)] += part
    triangles = rng.integers(vertices, size=(2 * vertices, 3))
    return {
        "theta": rng.normal(scale=0.5, size=ANGLES), "us": rng.uniform(0, 0.5, size=(points, 2)),
        "points": rng.normal(size=(points, 3)), "correspondences": rng.integers(len(triangles), size=points),
        "parents": PARENTS, "base_relatives": rigid(BONES), "inverse_base_absolutes": rigid(BONES), "weights": weights,
        "base_positions": np.concatenate([rng.normal(scale=0.1, size=(vertices, 3)), np.ones((vertices, 1))], axis=1),
        "triangles": triangles, "is_mirrored": False,
    }  # fmt: skip


def read(given):
    names = ("base_relatives", "inverse_base_absolutes", "base_positions", "weights", "triangles")
    model = given["data"]["model"]
    return {
        "theta": np.array(given["theta"]), "us": np.array(given["us"]) if given["us"] else None,
        "correspondences": np.array(given["data"]["correspondences"]), "points": np.array(given["data"]["points"]),
        "parents": model["parents"], "is_mirrored": model["is_mirrored"], **{name: np.array(model[name]) for name in names},
    }  # fmt: skip


def in_nabla(jit, theta, us, points, correspondences, parents, triangles, is_mirrored, **model):
    (roots, *further), order = levels(parents)

    def rotation(v):
        square = v @ v
        angle = nb.sqrt(square)
        x, y, z = v / angle
        cross = nb.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        turned = nb.eye(3) + nb.sin(angle) * cross + (1 - nb.cos(angle)) * cross @ cross
        return nb.where(angle < 1e-4, nb.eye(3), turned)

    def transforms(theta, relatives, inverses):
        angles = nb.zeros((len(parents), 3))
        angles[turning()] = theta[6:]
        (cx, cz, cy), (sx, sz, sy) = nb.cos(angles).T, nb.sin(angles).T
        euler = nb.stack([
            nb.stack([cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx], 1),
            nb.stack([sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx], 1),
            nb.stack([-sy, cy * sx, cy * cx], 1),
        ], 1)  # fmt: skip
        relative = relatives.copy()
        relative[:, :3, :3] = relatives[:, :3, :3] @ euler
        absolute = [relative[roots]]
        for bones, above in further:
            absolute.append(absolute[-1][above] @ relative[bones])
        return nb.concat(absolute)[order] @ inverses

    def positions(theta, model):
        bones = transforms(theta, model["base_relatives"], model["inverse_base_absolutes"])
        skin = model["weights"][:, :, None] * model["base_positions"][:, None, :]
        moves = bones[:, :3].mT.reshape((-1, 3))
        if is_mirrored:
            moves = moves * nb.array([-1.0, 1.0, 1.0])
        return skin.reshape((len(skin), -1)) @ (moves @ rotation(theta[:3]).T) + theta[3:6]

    def objective(theta, us, points, correspondences, triangles, model):
        vertices = positions(theta, model)
        if us is None:
            return (points - vertices[correspondences]).ravel()
        a, b, c = nb.moveaxis(vertices[triangles[correspondences]], 1, 0)
        u, v = us[:, :1], us[:, 1:]
        return (points - (u * a + v * b + (1 - u - v) * c)).ravel()

    def jacobian(theta, us, *data):
        by_theta = nb.jacfwd(objective, 0)(theta, us, *data)
        if us is None:
            return by_theta
        each = nb.broadcast_to(nb.eye(2)[:, None], (2, *us.shape))
        by_us = [nb.jvp(lambda us: objective(theta, us, *data), (us,), (direction,))[1] for direction in each]
        return nb.concat([nb.stack(by_us, 1), by_theta], axis=1)

    model = {name: nb.asarray(a) for name, a in model.items()}
    args = (nb.asarray(theta), None if us is None else nb.asarray(us))
    args += (nb.asarray(points), nb.asarray(correspondences), nb.asarray(triangles), model)
    return {"objective": (jit(objective), args), "jacobian": (jit(jacobian), args)}


def in_jax(theta, us, points, correspondences, parents, triangles, is_mirrored, **model):
    (roots, *further), order = levels(parents)

    def rotation(v):
        square = v @ v
        angle = jnp.sqrt(jnp.where(square < 1e-8, 1.0, square))
        x, y, z = v / angle
        cross = jnp.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        turned = jnp.eye(3) + jnp.sin(angle) * cross + (1 - jnp.cos(angle)) * cross @ cross
        return jnp.where(square < 1e-8, jnp.eye(3), turned)

    def transforms(theta, relatives, inverses):
        angles = jnp.zeros((len(parents), 3)).at[turning()].set(theta[6:])
        (cx, cz, cy), (sx, sz, sy) = jnp.cos(angles).T, jnp.sin(angles).T
        euler = jnp.stack([
            jnp.stack([cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx], 1),
            jnp.stack([sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx], 1),
            jnp.stack([-sy, cy * sx, cy * cx], 1),
        ], 1)  # fmt: skip
        relative = relatives.at[:, :3, :3].set(relatives[:, :3, :3] @ euler)
        absolute = [relative[roots]]
        for bones, above in further:
            absolute.append(absolute[-1][above] @ relative[bones])
        return jnp.concatenate(absolute)[order] @ inverses

    def positions(theta, model):
        bones = transforms(theta, model["base_relatives"], model["inverse_base_absolutes"])
        skin = model["weights"][:, :, None] * model["base_positions"][:, None, :]
        moves = bones[:, :3].mT.reshape((-1, 3))
        if is_mirrored:
            moves = moves * jnp.array([-1.0, 1.0, 1.0])
        return skin.reshape((len(skin), -1)) @ (moves @ rotation(theta[:3]).T) + theta[3:6]

    def objective(theta, us, points, correspondences, triangles, model):
        vertices = positions(theta, model)
        if us is None:
            return (points - vertices[correspondences]).ravel()
        a, b, c = jnp.moveaxis(vertices[triangles[correspondences]], 1, 0)
        u, v = us[:, :1], us[:, 1:]
        return (points - (u * a + v * b + (1 - u - v) * c)).ravel()

    def jacobian(theta, us, *data):
        by_theta = jax.jacfwd(objective, 0)(theta, us, *data)
        if us is None:
            return by_theta
        each = jnp.broadcast_to(jnp.eye(2)[:, None], (2, *us.shape))
        by_us = [jax.jvp(lambda us: objective(theta, us, *data), (us,), (direction,))[1] for direction in each]
        return jnp.concatenate([jnp.stack(by_us, 1), by_theta], axis=1)

    model = {name: jnp.asarray(a) for name, a in model.items()}
    args = (jnp.asarray(theta), None if us is None else jnp.asarray(us))
    args += (jnp.asarray(points), jnp.asarray(correspondences), jnp.asarray(triangles), model)
    return {"objective": (jax.jit(objective), args), "jacobian": (jax.jit(jacobian), args)}


def in_torch(theta, us, points, correspondences, parents, triangles, is_mirrored, **model):
    (roots, *further), order = levels(parents)
    places = tuple(torch.from_numpy(at) for at in turning())

    def rotation(v):
        square = v @ v
        angle = torch.sqrt(torch.where(square < 1e-8, 1.0, square))
        x, y, z = (v / angle).unbind()
        zero = torch.zeros_like(x)
        cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
        eye = torch.eye(3, dtype=v.dtype)
        return torch.where(square < 1e-8, eye, eye + torch.sin(angle) * cross + (1 - torch.cos(angle)) * cross @ cross)

    def transforms(theta, relatives, inverses):
        angles = torch.zeros((len(parents), 3), dtype=theta.dtype).index_put(places, theta[6:])
        (cx, cz, cy), (sx, sz, sy) = torch.cos(angles).T.unbind(), torch.sin(angles).T.unbind()
        euler = torch.stack([
            torch.stack([cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx], 1),
            torch.stack([sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx], 1),
            torch.stack([-sy, cy * sx, cy * cx], 1),
        ], 1)  # fmt: skip
        turned = torch.cat([relatives[:, :3, :3] @ euler, relatives[:, :3, 3:]], 2)
        relative = torch.cat([turned, relatives[:, 3:]], 1)
        absolute = [relative[roots]]
        for bones, above in further:
            absolute.append(absolute[-1][above] @ relative[bones])
        return torch.cat(absolute)[order] @ inverses

    def positions(theta, model):
        bones = transforms(theta, model["base_relatives"], model["inverse_base_absolutes"])
        skin = model["weights"][:, :, None] * model["base_positions"][:, None, :]
        moves = bones[:, :3].mT.reshape(-1, 3)
        if is_mirrored:
            moves = moves * torch.tensor([-1.0, 1.0, 1.0])
        return skin.reshape(len(skin), -1) @ (moves @ rotation(theta[:3]).T) + theta[3:6]

    def objective(theta, us, points, correspondences, triangles, model):
        vertices = positions(theta, model)
        if us is None:
            return (points - vertices[correspondences]).ravel()
        a, b, c = vertices[triangles[correspondences]].unbind(1)
        u, v = us[:, :1], us[:, 1:]
        return (points - (u * a + v * b + (1 - u - v) * c)).ravel()

    def jacobian(theta, us, *data):
        by_theta = torch.func.jacfwd(objective, 0)(theta, us, *data)
        if us is None:
            return by_theta
        each = torch.eye(2, dtype=us.dtype)[:, None].expand(2, *us.shape)
        by_us = [torch.func.jvp(lambda us: objective(theta, us, *data), (us,), (direction,))[1] for direction in each]
        return torch.cat([torch.stack(by_us, 1), by_theta], 1)

    model = {name: torch.from_numpy(a) for name, a in model.items()}
    args = (torch.from_numpy(theta), None if us is None else torch.from_numpy(us))
    args += (torch.from_numpy(points), torch.from_numpy(correspondences), torch.from_numpy(triangles), model)
    return {"objective": (objective, args), "jacobian": (jacobian, args)}


WORKLOAD = Workload(
    "the pose of a hand with 22 bones: errors of measured points, by 28 directions",
    sizes={
        "small, 100 points": {"vertices": 544, "points": 100}, "big, 100 points": {"vertices": 10000, "points": 100},
        "big, 10000 points": {"vertices": 10000, "points": 10000},
    },
    make=make, nabla=in_nabla, jax=in_jax, torch=in_torch, derivatives={"jacobian": "objective"}, read=read,
)  # fmt: skip
