"""The Python blocks of README.md, CONTRIBUTING.md and docs/ run, top to bottom, and print what they say they print.

Two ways of saying it are understood: doctest prompts, and a comment `# -> text` behind an expression or an assignment,
whose text is what `print` shows of the value. The blocks of one file share their names, as in one session.
"""

import ast
import contextlib
import doctest
import io
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from nabla.engines.numpy.table import KERNELS
from nabla.primitives.base import REGISTRY

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    if "```python" in path.read_text(encoding="utf-8")
]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN = re.compile(r"#\s*->\s*(.*?)\s*$")


@dataclass
class Claim:
    """One `# -> text` and what the program showed in its place."""

    line: int
    stated: str
    shown: str


def blocks_of(text: str) -> list[tuple[int, str]]:
    """Each Python block of a Markdown text, with the number of its first line."""
    return [(text.count("\n", 0, block.start(1)) + 1, block.group(1)) for block in FENCE.finditer(text)]


def run_plain(code: str, first_line: int, names: dict) -> list[Claim]:
    """Run a block statement by statement; return what its `# ->` comments claim beside what came out."""
    tree = ast.parse(code)
    lines = code.splitlines()
    claims = []
    answered = set()
    for statement in tree.body:
        comment = SHOWN.search(lines[statement.end_lineno - 1])
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            if isinstance(statement, ast.Expr):
                value = eval(compile(ast.Expression(statement.value), "<block>", "eval"), names)
            else:
                exec(compile(ast.Module([statement], []), "<block>", "exec"), names)
                value = eval(ast.unparse(statement.targets[0]), names) if comment and is_assignment(statement) else None
            if comment and value is not None:
                print(value)
        if comment:
            answered.add(statement.end_lineno)
            shown = " ".join(out.getvalue().split())
            claims.append(Claim(first_line + statement.end_lineno - 1, " ".join(comment.group(1).split()), shown))
    unread = {number for number, line in enumerate(lines, 1) if SHOWN.search(line)} - answered
    assert not unread, f"line {first_line + min(unread) - 1}: `# ->` must end a statement that is not indented"
    return claims


def is_assignment(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and len(statement.targets) == 1


def run_prompts(code: str, first_line: int, names: dict, name: str) -> int:
    """Run a block of doctest prompts; return how many examples it had."""
    test = doctest.DocTestParser().get_doctest(code, names, name, name, first_line - 1)
    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    result = runner.run(test, out=report.write, clear_globs=False)
    assert result.failed == 0, report.getvalue()
    names.update(test.globs)
    return result.attempted


def check_document(text: str, name: str) -> int:
    """Run every block of a Markdown text; fail at the first wrong claim, return how many claims were right."""
    names: dict = {"__name__": "__main__"}
    checked = 0
    for first_line, code in blocks_of(text):
        if code.lstrip().startswith(">>>"):
            checked += run_prompts(code, first_line, names, name)
            continue
        for claim in run_plain(code, first_line, names):
            assert claim.shown == claim.stated, f"{name}, line {claim.line}: says {claim.stated!r}, shows {claim.shown!r}"
            checked += 1
    return checked


@pytest.fixture
def own_primitives():
    """The primitives that a document adds are gone after it: other tests count them."""
    tables = [REGISTRY, KERNELS]
    before = [dict(table) for table in tables]
    yield
    for table, rows in zip(tables, before):
        table.clear()
        table.update(rows)


@pytest.mark.usefixtures("own_primitives")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_the_document_says_is_so(name):
    assert check_document((ROOT / name).read_text(encoding="utf-8"), name) > 0, f"{name} claims nothing"


@pytest.mark.parametrize(
    "block",
    [
        "1 + 1  # -> 3",
        "x = 1 + 1  # -> 3",
        "print(1 + 1)  # -> 3",
        "(1 +\n 1)  # -> 3",
        "if True:\n    1 + 1  # -> 2",
        ">>> 1 + 1\n3",
    ],
)
def test_a_wrong_or_unread_claim_fails(block):
    with pytest.raises(AssertionError):
        check_document(f"text\n\n```python\n{block}\n```\n", "a text")


def test_blocks_share_their_names():
    text = "```python\nx = 1\n```\n\n```python\n>>> x + 1\n2\n>>> y = 5\n```\n\n```python\ny  # -> 5\n```\n"
    assert check_document(text, "a text") == 3
