"""The rules of the house that a machine can hold: what stands in the files, what ships, what the commands run."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import nabla as nb

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "nabla"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PYTHON_FILES = sorted(path for room in ("src", "tests", "examples", "benchmarks") for path in (ROOT / room).rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = PROJECT["project"]["version"]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def places(path: Path, nodes) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{node.lineno}" for node in nodes]


# What stands in the files.

MOST_LINES = 800


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_one_idea(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < MOST_LINES, f"{path.name} has {lines} lines: which second idea in it wants a file of its own?"


def imports_inside_functions(tree: ast.AST) -> list[ast.AST]:
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    return [node for outer in functions for node in ast.walk(outer) if isinstance(node, (ast.Import, ast.ImportFrom))]


def imports_by_call(tree: ast.AST) -> list[ast.AST]:
    """`__import__(...)`, `importlib.import_module(...)` and their like, wherever they stand."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node for node in calls if re.search(r"\b(__import__|import_module|find_spec)$", ast.unparse(node.func))]


def test_folders_of_the_native_engine_name_their_files():
    """Their first files are the map that a reader begins with."""
    native = PACKAGE / "engines" / "native"
    everywhere = {file.name for file in native.rglob("*.py")}
    for first in native.glob("*/__init__.py"):
        named = set(re.findall(r"\w+\.py", first.read_text(encoding="utf-8")))
        assert {file.name for file in first.parent.glob("*.py") if file != first} <= named <= everywhere, first


def test_imports_stand_at_the_top_of_the_file():
    """Optional packages are fetched by nabla.lazy, which alone may import late."""
    found = []
    for path in SOURCES:
        if path != PACKAGE / "lazy.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += places(path, imports_inside_functions(tree) + imports_by_call(tree))
    assert not found, found


def unfinished(tree: ast.AST) -> list[ast.AST]:
    """NotImplementedError by name, and functions without a body, unless a decorator gives them one."""
    nodes = []
    declared = [node for node in ast.walk(tree) if is_only_for_the_type_checker(node)]
    types = {member for block in declared for member in block.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "NotImplementedError":
            nodes.append(node)
        if isinstance(node, FUNCTIONS) and node not in types and not is_given_a_body(node):
            body = [line for line in node.body if not is_docstring(line)]
            if not body or all(ast.unparse(line) in ("...", "pass") for line in body):
                nodes.append(node)
    return nodes


def is_only_for_the_type_checker(node: ast.AST) -> bool:
    """`class ...(Protocol)` and `if TYPE_CHECKING`."""
    if isinstance(node, ast.ClassDef):
        return any("Protocol" in ast.unparse(base) for base in node.bases)
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(getattr(statement.value, "value", None), str)


def is_given_a_body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """`@unary(primitive)` and the like make the function from its name and docstring; `@overload` needs no body."""
    marks = function.decorator_list
    return any(isinstance(mark, ast.Call) or ast.unparse(mark).endswith(("overload", "abstractmethod")) for mark in marks)


def test_nothing_is_left_unfinished():
    found = []
    for path in SOURCES:
        found += places(path, unfinished(ast.parse(path.read_text(encoding="utf-8"))))
    assert not found, found


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (imports_inside_functions, "def f():\n    import os"),
        (imports_inside_functions, "class A:\n    def f(self):\n        if True:\n            from os import path"),
        (imports_by_call, "import importlib\nimportlib.import_module('os')"),
        (imports_by_call, "def f():\n    return __import__('os')"),
        (unfinished, "def f():\n    raise NotImplementedError"),
        (unfinished, "def f():\n    raise NotImplementedError('later')"),
        (unfinished, "def f():\n    'Does all.'"),
        (unfinished, "def f():\n    'Does all.'\n    ..."),
    ],
)
def test_the_rules_see_what_they_forbid(rule, code):
    assert rule(ast.parse(code))


ALLOWED = """
import os
@overload
def f(x): ...
@unary(sin)
def sine(x):
    'The sine.'
def g(x):
    'One.'
    return NotImplemented
class Shape(Protocol):
    def __call__(self, x): ...
if TYPE_CHECKING:
    def h(x): ...
"""


def test_the_rules_allow_the_rest():
    tree = ast.parse(ALLOWED)
    assert not (imports_inside_functions(tree) + imports_by_call(tree) + unfinished(tree))


def project_texts() -> list[Path]:
    """Every text file of the project: what lies in the root, and the rooms below it."""
    rooms = ("src", "tests", "examples", "benchmarks", "docs", ".ci")
    files = [path for room in rooms for path in (ROOT / room).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".venv.lock"]
    kinds = {"", ".py", ".md", ".toml", ".txt", ".csv", ".cfg", ".yml", ".yaml", ".json", ".ipynb"}
    return [path for path in files if path.suffix in kinds and "__pycache__" not in path.parts]


def test_no_path_of_someones_machine():
    # Put together here, so that this file does not hold what it looks for.
    folders = "|".join(["home", "Users", "root", "work", "tmp", "mnt", "private"])
    path_of_a_machine = re.compile(rf"(?<![\w.$/~-])/(?:{folders})/\w|\b[A-Z]:\\\\?Users\b")
    assert path_of_a_machine.search("'/" + "home/me/x'") and not path_of_a_machine.search("src/home/x")
    found = []
    for path in project_texts():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if path_of_a_machine.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert not found, found


# What ships.


def test_one_version():
    assert nb.__version__ == VERSION
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_core_needs_four_packages():
    names = {re.match(r"[\w-]+", line).group() for line in PROJECT["project"]["dependencies"]}
    assert names == {"llvmlite", "numpy", "optree", "scipy"}


def test_importing_nabla_imports_nothing_heavy():
    heavy = ("scipy", "llvmlite", "jax", "torch", "matplotlib")
    code = f"import nabla, sys; print([name for name in {heavy} if name in sys.modules])"
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_wheel_holds_the_package_and_no_more(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith("dist-info/METADATA"))
        about = archive.read(metadata).decode()
    assert {"nabla/py.typed"} | {str(path.relative_to(ROOT / "src")) for path in SOURCES} <= names
    assert f"nabla-{VERSION}.dist-info/licenses/LICENSE" in names
    assert {name.split("/")[0] for name in names} == {"nabla", f"nabla-{VERSION}.dist-info"}
    assert "License-Expression: Apache-2.0" in about


# What the commands run.


def commands_of(target: str) -> str:
    """What `make target` would run, less the making of .venv."""
    make = shutil.which("make")
    assert make, "the project's commands are make targets: install make"
    of_an_outer_make = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARGS"}
    env = {name: value for name, value in os.environ.items() if name not in of_an_outer_make}
    command = [make, "-n", f"PYTHON={sys.executable}", target]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_runs_the_tests():
    quick, whole = commands_of("test"), commands_of("test-all")
    assert "-m pytest" in quick and '-m "not exhaustive"' in quick
    assert "-m pytest" in whole and "exhaustive" not in whole
    for chosen_by_path_or_name in (" tests/", " -k ", "--ignore", "--deselect"):
        assert chosen_by_path_or_name not in quick + whole
    assert PROJECT["tool"]["pytest"]["ini_options"]["testpaths"] == ["tests"]
    assert PROJECT["tool"]["pytest"]["ini_options"]["filterwarnings"] == ["error"]


@pytest.mark.parametrize("check", ["ruff check", "ruff format --check", "mypy", "lint-imports"])
def test_make_lint_runs(check):
    assert check in commands_of("lint")


@pytest.mark.parametrize(("target", "script"), [("demo", "examples/run_all.py"), ("bench", "benchmarks/eager.py")])
def test_make_runs_the_script(target, script):
    assert script in commands_of(target)
    assert (ROOT / script).is_file()


def test_ci_runs_the_checks_and_then_the_tests():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert [line for line in lines if line.startswith("make ")] == ["make lint", "make test"]


def test_the_readme_leads_to_every_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in sorted((ROOT / "docs").glob("*.md")) if f"](docs/{page.name})" not in readme] == []
