"""jax is the door to XLA and nothing else: one room uses it, by public functions, and by none that differentiates or batches."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "nabla"
ROOM = PACKAGE / "engines" / "xla"

FORBIDDEN = {
    "grad", "value_and_grad", "vjp", "jvp", "vmap", "pmap", "linearize", "linear_transpose", "hessian", "jacobian", "jacfwd",
    "jacrev", "custom_jvp", "custom_vjp", "custom_gradient", "checkpoint", "remat", "custom_linear_solve", "custom_root", "hvp",
    "fwd_and_bwd", "vectorize", "defvjp", "defjvp",
}  # fmt: skip
"""What differentiates or batches, and jnp.vectorize, which is vmap."""


def uses_of_jax(tree):
    """Imports of jax, late ones, too. To ask whether it is installed is no use of it."""
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and not ast.unparse(node.func).endswith("installed"):
            names = [x.value for x in node.args if isinstance(x, ast.Constant) and isinstance(x.value, str)]
        if any(name.split(".")[0] in ("jax", "jaxlib") for name in names):
            found.append(node)
    return found


def forbidden(tree):
    """Names of derivatives and of batching, called or only named, also as strings; and what is private to jax."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            outside = isinstance(node.value, ast.Name) and node.value.id in ("jax", "lax", "jnp", "jsp")
            if node.attr in FORBIDDEN or (outside and node.attr in ("_src", "experimental", "interpreters", "config")):
                found.append(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            path = node.value.split(".")
            if node.value in FORBIDDEN or (path[0] == "jax" and "_src" in path):
                found.append(node)
    return found


def places(path, nodes):
    return [f"{path.relative_to(PACKAGE)}:{node.lineno}" for node in nodes]


def trees(files):
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(files)]


def test_one_room_uses_jax():
    files = {path for path in PACKAGE.rglob("*.py") if ROOM not in path.parents}
    assert ROOM.is_dir() and files
    found = [place for path, tree in trees(files) for place in places(path, uses_of_jax(tree))]
    assert not found, found


def test_it_uses_no_derivative_and_no_batching_of_jax():
    found = [place for path, tree in trees(ROOM.rglob("*.py")) for place in places(path, forbidden(tree))]
    assert {place.partition(":")[0] for place in found} == {"engines/xla/cache.py"}, found


def test_its_configuration_is_touched_for_the_cache_on_disk_alone():
    source = (ROOM / "cache.py").read_text(encoding="utf-8")
    assert {ast.unparse(node) for node in forbidden(ast.parse(source))} == {"jax.config"}
    settings = {x.value for x in ast.walk(ast.parse(source)) if isinstance(x, ast.Constant) and str(x.value).startswith("jax_")}
    assert settings and all("cache" in setting for setting in settings)


def test_one_file_of_the_room_fetches_jax():
    users = [path.name for path, tree in trees(ROOM.rglob("*.py")) if uses_of_jax(tree)]
    assert users == ["kernel.py"]


@pytest.mark.parametrize(
    "code",
    [
        "jax.grad(f)",
        "f = jax.vmap",
        "getattr(jax, 'jvp')",
        "lax.custom_linear_solve(f)",
        "jax._src.core",
        "optional('jax._src.core')",
    ],
)
def test_the_rule_sees_what_it_forbids(code):
    assert forbidden(ast.parse(code))


@pytest.mark.parametrize(
    "code", ["import jax", "import jax.numpy as jnp", "from jax import lax", "lazy.optional('jax.lax', 'xla')"]
)
def test_the_rule_sees_jax(code):
    assert uses_of_jax(ast.parse(code))


def test_the_rules_allow_the_rest():
    code = "lazy.installed('jax')\nx = lax.add(a, b)\njax.jit(f)\nlazy.optional('scipy.special')\nf('add')"
    assert not forbidden(ast.parse(code)) and not uses_of_jax(ast.parse(code))
