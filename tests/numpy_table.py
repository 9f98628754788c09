"""Runs the examples of NumPy's functions on tensors, and writes what came of it as the page docs/numpy.md."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy_examples import EXAMPLES, UFUNCS, UNDISPATCHED, Call, T, X, Y

import nabla as nb
from nabla import tree
from nabla.testing import check_grads

PAGE = Path(__file__).resolve().parents[1] / "docs" / "numpy.md"
DISPATCHED = type(np.sum)
"""NumPy's functions that ask their arguments (NEP 18)."""

WITH, WITHOUT, CONSTANT, REFUSED, ARRAY = "derivative", "no derivative", "derivative 0", "refused", "ndarray"

INTRODUCTION = """\
# NumPy's functions on tensors

NumPy asks its arguments whether they would like to take over (NEP 13 and NEP 18), and tensors do: `np.sin(t)`, `np.sum(t)`,
`np.concatenate([t, a])` and `a * t` give tensors, with their derivatives, whatever else is an ndarray among the arguments. So a
function that was written with `import numpy as np` is differentiated as it stands.

A derivative is never lost in silence. What would write a tensor into an ndarray (`out=` of an ndarray, `a += t`, `a[i] = t`,
`np.put(a, i, t)`) raises, and says what to write instead; so does a function that has no counterpart here. An option that we do
not take is refused by name.

This table is made by a test that runs every function (`python tests/make_numpy_table.py` writes it anew):

- **derivative**: the value is NumPy's, and the derivative was compared with finite differences, in forward and reverse mode;
- **derivative 0**: the function is piecewise constant, so its derivative is 0 everywhere;
- **no derivative**: the value is NumPy's; it has no derivative because the result is integers, booleans, or no array at all;
- **refused**: raises, for the reason given;
- **ndarray**: the function does not ask, so NumPy runs its own code.

Masked arrays are refused, for their mask would be lost (`masked + t`, where the masked array comes first, is its own affair: the
result is a masked array, and raises where the tensor is differentiated). A pandas series beside a tensor counts as an array, and
its index is left behind: `t * series` is a tensor; `series * t` is a series, and raises where the tensor is differentiated.
"""


def public(prefix=""):
    """Names of NumPy's functions that ask their arguments."""
    room = getattr(np, prefix[:-1]) if prefix else np
    return [prefix + name for name in sorted(dir(room)) if not name.startswith("_") and isinstance(getattr(room, name), DISPATCHED)]


def ufuncs():
    return [name for name in sorted(dir(np)) if isinstance(getattr(np, name), np.ufunc)]


def undispatched():
    return sorted(name for names in UNDISPATCHED for name in names.split())


def function_of(name):
    found = np
    for part in name.split("."):
        found = getattr(found, part)
    return found


def example_of(name):
    found = UFUNCS.get(name) or ((X, Y)[: getattr(np, name).nin] if name in ufuncs() else EXAMPLES[name])
    return found if isinstance(found, Call) else Call(found)


# What becomes of an argument


def as_arrays(x):
    if isinstance(x, T):
        return x.value
    if isinstance(x, (list, tuple)):
        return type(x)(as_arrays(item) for item in x)
    return x.copy() if isinstance(x, np.ndarray) else x


def floats_of(x):
    """The arrays that become tensors and are differentiated."""
    if isinstance(x, (list, tuple)):
        return [found for item in x for found in floats_of(item)]
    return [x] if isinstance(x, np.ndarray) and x.dtype.kind in "fc" else []


def with_tensors(x, floats):
    """x with the next of `floats` in the place of each array that floats_of finds, and tensors for those that are marked."""
    if isinstance(x, T):
        return nb.asarray(x.value)
    if isinstance(x, (list, tuple)):
        return type(x)(with_tensors(item, floats) for item in x)
    return next(floats) if isinstance(x, np.ndarray) and x.dtype.kind in "fc" else x


def call(name, example, floats):
    """NumPy's function on tensors."""
    args = with_tensors(example.args, iter(floats))
    options = dict(
        zip(example.options, with_tensors(tuple(example.options.values()), iter(floats[len(floats_of(example.args)) :])))
    )
    if example.writes:
        target = args[0].copy()
        function_of(name)(target, *args[1:], **options)
        return target
    return function_of(name)(*args, **options)


def theirs(name, example):
    """NumPy's own result."""
    args = as_arrays(example.args)
    options = dict(zip(example.options, as_arrays(tuple(example.options.values()))))
    out = function_of(name)(*args, **options)
    return args[0] if example.writes else out


# What comes out


def leaves(x):
    if isinstance(x, (list, tuple)):
        return [found for item in x for found in leaves(item)]
    return [x]


def same(name, ours, expected, example):
    """Raise where our result is not NumPy's."""
    ours, expected = leaves(ours), leaves(expected)
    assert len(ours) == len(expected), f"{name}: {len(ours)} results for {len(expected)}"
    for a, b in zip(ours, expected):
        if not isinstance(b, (np.ndarray, np.generic)):
            assert a == b or (isinstance(a, nb.Tensor) and a.shape == () and a.item() == b), f"{name}: {a!r} for {b!r}"
            continue
        counted = isinstance(b, np.integer)  # NumPy counts in what its compiled code has
        b = np.asarray(b)
        values = a.numpy() if isinstance(a, nb.Tensor) else np.asarray(a)
        assert values.shape == b.shape, f"{name}: shape {values.shape} for {b.shape}"
        assert values.dtype == b.dtype or (counted and values.dtype.kind == b.dtype.kind), (
            f"{name}: dtype {values.dtype} for {b.dtype}"
        )
        if example.by_shape:
            continue
        if example.gauge:
            values, b = np.abs(values), np.abs(b)
        np.testing.assert_allclose(values, b, rtol=1e-12, atol=1e-14, err_msg=name)


def is_floating(x):
    return isinstance(x, nb.Tensor) and x.dtype.kind in "fc"


def direction(x, which):
    """A direction of no symmetry, so that what does not move along it is constant."""
    t = np.cos(which + np.arange(1.0, x.size + 1.0)).reshape(x.shape)
    return t * (1.0 + 0.5j) if x.dtype.kind == "c" else t


def derivative(name, example, floats):
    """WITH or CONSTANT, after the derivative was compared with differences."""

    if example.tie is not None:
        base, arguments = example.tie
        check_grads(lambda x: function_of(name)(*arguments(x)), (base,), order=1)
        return WITH
    gaps = [np.isnan(x) for x in floats]
    filled = [np.where(gap, 0.5, x) for gap, x in zip(gaps, floats)]

    def f(*floats):
        floats = [nb.where(gap, np.nan, x) if gap.any() else x for gap, x in zip(gaps, floats)]
        out = [x for x in leaves(call(name, example, floats)) if is_floating(x)]
        return [nb.abs(x) for x in out] if example.gauge else out

    check_grads(f, tuple(filled), order=1, eps=example.eps or 2.0**-8)
    _, slopes = nb.jvp(f, tuple(filled), tuple(direction(x, i) for i, x in enumerate(filled)))
    moves = any(np.any(np.nan_to_num(np.asarray(s)) != 0.0) for s in tree.leaves(slopes))
    return WITH if moves else CONSTANT


@cache
def state(name):
    """What the table says of one function: the state and the note."""
    example = example_of(name)
    floats = floats_of((*example.args, *example.options.values()))
    try:
        out = call(name, example, [nb.asarray(x) for x in floats])
    except nb.ArgumentTypeError as error:
        text = str(error)
        if "does not take tensors" not in text:
            raise
        return REFUSED, text.partition("); " if "); " in text else "): ")[2]
    same(name, out, theirs(name, example), example)
    if not any(is_floating(x) for x in leaves(out)):
        arrays = [x for x in leaves(out) if isinstance(x, nb.Tensor)]
        kinds = sorted({str(x.dtype) for x in arrays})
        return WITHOUT, f"the result is {' and '.join(kinds)}" if kinds else "the result is no tensor"
    if not floats:
        return WITHOUT, "of integers"
    if example.by_shape or name in ("ones_like", "zeros_like", "full_like"):
        return CONSTANT, ""
    return derivative(name, example, floats), ""


def rows():
    for name in (*public(), *public("linalg."), *public("fft.")):
        yield name, *state(name)


def lines(found):
    return [f"| `np.{name}` | {what} | {note} |" for name, what, note in found]


def page():
    head = ["| function | state | note |", "| --- | --- | --- |"]
    notes = {name: note for names, note in UNDISPATCHED.items() for name in names.split()}
    functions, universal = list(rows()), [(name, *state(name)) for name in ufuncs()]
    counts = [sum(what == which for _, what, _ in (*functions, *universal)) for which in (WITH, CONSTANT, WITHOUT, REFUSED)]
    summary = (
        f"Of {sum(counts)} functions that ask, {counts[0]} work with their derivative, {counts[1]} with derivative 0, {counts[2]} "
        f"give what has no derivative, and {counts[3]} are refused."
    )
    parts = [INTRODUCTION, summary, "", "## Functions", "", *head, *lines(functions), "", "## Ufuncs", "", *head, *lines(universal)]
    parts += ["", "## Functions that do not ask", "", *head, *lines((name, ARRAY, notes[name]) for name in undispatched())]
    return "\n".join(parts) + "\n"
