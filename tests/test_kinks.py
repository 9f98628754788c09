"""docs/kinks.md is true: each line of its table is checked in forward and reverse mode, alone, under vmap, and one
order up.
"""

from pathlib import Path

import numpy as np
import pytest

import nabla as nb

TABLE = Path(__file__).resolve().parents[1] / "docs" / "kinks.md"
NUMBERS = {"inf": np.inf, "nan": np.nan}


def lines():
    """Each line of the table: expression, the point by name, the derivative of each argument."""
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]
        if line.startswith("| `"):
            expression, point, derivative = cells
            found.append(pytest.param(expression, point, derivative, id=f"{expression} at {point}"))
    return found


LINES = lines()


def point_of(text):
    """The arguments at the point, by name."""
    given = eval(f"dict({text})", {}, dict(NUMBERS))
    return {name: np.asarray(value, np.complex128 if isinstance(value, complex) else np.float64) for name, value in given.items()}


def derivatives_of(text, point):
    given = eval(f"[{text}]", {}, dict(NUMBERS))
    assert len(given) == len(point), f"{text}: one derivative for each of {', '.join(point)}"
    return [np.asarray(value, x.dtype) for value, x in zip(given, point.values(), strict=True)]


def program(expression, point):
    """The expression as a function of the arguments, which finds nabla's functions by name."""
    code = compile(expression, expression, "eval")

    def f(*arguments):
        names = {**vars(nb), **dict(zip(point, arguments, strict=True))}
        out = eval(code, {"__builtins__": {}}, names)
        return nb.real(out) if out.dtype.kind == "c" else out

    return f


MODES = {
    "reverse": lambda f, i: nb.grad(f, argnums=i),
    "forward": lambda f, i: nb.grad(f, argnums=i, mode="forward"),
    "jacrev": lambda f, i: nb.jacrev(f, argnums=i),
    "jacfwd": lambda f, i: nb.jacfwd(f, argnums=i),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("expression", "point", "derivative"), LINES)
def test_line(expression, point, derivative, mode):
    xs = point_of(point)
    f = program(expression, xs)
    for i, expected in enumerate(derivatives_of(derivative, xs)):
        if mode.startswith("jac") and expected.dtype.kind == "c":
            continue  # a Jacobian of a real function of complex numbers is refused
        found = MODES[mode](f, i)(*xs.values())
        np.testing.assert_array_equal(found, expected, err_msg=f"{expression} at {point}, argument {i}")


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize(("expression", "point", "derivative"), LINES)
def test_line_under_vmap(expression, point, derivative, mode):
    xs = point_of(point)
    f = program(expression, xs)
    lanes = [np.stack([x, x]) for x in xs.values()]
    for i, expected in enumerate(derivatives_of(derivative, xs)):
        found = nb.vmap(MODES[mode](f, i))(*lanes)
        np.testing.assert_array_equal(found, np.stack([expected, expected]))


ORDERS = [(outer, inner) for outer in ("reverse", "forward") for inner in ("reverse", "forward")]


@pytest.mark.parametrize(("outer", "inner"), ORDERS)
@pytest.mark.parametrize(("expression", "point", "derivative"), [line for line in LINES if line.values[0].startswith("where")])
def test_what_where_does_not_choose_has_no_second_derivative(expression, point, derivative, outer, inner):
    f = program(expression, point_of(point))
    second = MODES[outer](MODES[inner](f, 0), 0)
    assert second(*point_of(point).values()) == 0.0


def test_the_table_is_read():
    assert len(LINES) > 50
    assert [line.values for line in LINES if line.values[0] == "relu(x)"] == [("relu(x)", "x = 0.0", "0")]
    assert derivatives_of("1/4, inf", {"x": np.ones(()), "y": np.ones(())}) == [0.25, np.inf]
