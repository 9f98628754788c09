"""What one cell of the table of primitives is: a row, a dtype and a mode; and how a cell is checked.

A mode checks a `Case` and raises AssertionError. In float64 and complex128 derivatives are compared with finite
differences, those of second order with differences of our first; in float32 with our float64 at the same point;
batched ones in every dtype with a loop. All work on nodes and sweeps, so that it is the rules that are checked, and
nothing above them.
"""

import itertools
from contextlib import contextmanager
from functools import cached_property

import numpy as np
from sweeps import floating, jvp, lanes, node_of, values, vjp

from nabla.engines.numpy import run
from nabla.errors import NotDifferentiableError
from nabla.primitives.base import Opaque, zeros
from nabla.primitives.elementwise import Elementwise
from nabla.primitives.formulas import select
from nabla.testing import differences

LANES = 2
STEP = 2.0**-6
CUT_ON_PURPOSE = {"detach", "stop_gradient"}


class Case:
    """One row in one dtype at one point, with directions and cotangents to go with it."""

    def __init__(self, row, dtype):
        self.row, self.dtype = row, np.dtype(dtype)
        self.rng = np.random.default_rng(list(str(row).encode()))
        self.draws = [row.draw(self.rng, dtype) for _ in range(LANES)]
        self.arrays = self.draws[0]
        moving = [i for i, x in enumerate(self.arrays) if x.dtype.kind in "fc"]
        self.wrt = moving if row.wrt is None else list(row.wrt)
        # Away from the exact: a float32 direction that is drawn in float32 has the same value in float64.
        self.dx, self.dx_2, self.dx_3 = (self.alike([self.arrays[i] for i in self.wrt]) for _ in range(3))
        outs = floats(self.outputs)
        self.g, self.g_2 = (self.alike(outs) for _ in range(2))
        self.kept = [self.rng.random(x.shape) < 0.5 for x in outs]  # where a `where` takes the row

    def alike(self, arrays):
        """Random numbers from -1 to 1 of the shapes and dtypes of `arrays`."""
        result = []
        for x in arrays:
            t = self.rng.uniform(-1.0, 1.0, x.shape)
            if x.dtype.kind == "c":
                t = t + 1j * self.rng.uniform(-1.0, 1.0, x.shape)
            result.append(np.asarray(t).astype(x.dtype))
        return result

    @cached_property
    def widened(self):
        """The same in float64."""
        wide = object.__new__(Case)
        wide.__dict__.update(self.__dict__)
        wide.__dict__.pop("outputs", None)
        wide.dtype = np.dtype(np.float64)
        wide.draws = [widen(draw) for draw in self.draws]
        wide.arrays = wide.draws[0]
        for name in ("dx", "dx_2", "dx_3", "g", "g_2"):
            setattr(wide, name, widen(getattr(self, name)))
        return wide

    @cached_property
    def outputs(self):
        return arrays_of(self.whole)(self.arrays)

    @property
    def xs(self):
        """The inputs that are differentiated."""
        return [self.arrays[i] for i in self.wrt]

    def whole(self, *nodes):
        """The row as a program of all its inputs."""
        out = self.row(*nodes)
        return list(out) if isinstance(out, (tuple, list)) else [out]

    def of(self, *nodes):
        """The row as a program of the inputs that are differentiated."""
        return self.among([node_of(x) for x in self.arrays], nodes)

    def among(self, all_nodes, nodes, positions=None):
        all_nodes = list(all_nodes)
        for i, x in zip(self.wrt if positions is None else positions, nodes, strict=True):
            all_nodes[i] = x
        return self.whole(*all_nodes)

    # Programs of first order, of primals and directions, or of primals and cotangents

    def pushed(self, *nodes):
        n = len(self.wrt)
        return jvp(self.of, nodes[:n], nodes[n:])

    def pulled(self, *nodes):
        n = len(self.wrt)
        return vjp(self.of, nodes[:n], nodes[n:])

    def pulled_masked(self, *nodes):
        n = len(self.wrt)
        return vjp(lambda *xs: masked(self.of(*xs), self.kept), nodes[:n], nodes[n:])

    def pushed_at(self, *nodes):
        """The same as `pushed`, of all inputs."""
        n, m = len(self.arrays), len(self.wrt)
        return jvp(lambda *xs: self.among(nodes[:n], xs), [nodes[i] for i in self.wrt], nodes[n : n + m])

    def pulled_at(self, *nodes):
        """The same as `pulled`, of all inputs."""
        n = len(self.arrays)
        return vjp(lambda *xs: self.among(nodes[:n], xs), [nodes[i] for i in self.wrt], nodes[n:])

    def alone(self, i):
        """The row as a program of one of the inputs that are differentiated."""
        return lambda x: self.among([node_of(y) for y in self.arrays], [x], [self.wrt[i]])

    @cached_property
    def pushed_by_differences(self):
        """The derivative of `pushed` along dx_2 and dx_3."""
        return self.slope(self.pushed, [*self.xs, *self.dx], [*self.dx_2, *self.dx_3])

    @cached_property
    def pulled_by_differences(self):
        """The derivative of `pulled` along dx_2 and g_2."""
        return self.slope(self.pulled, [*self.xs, *self.g], [*self.dx_2, *self.g_2])

    def slope(self, program, xs, dxs):
        found = differences(floats_of(program), xs, dxs, STEP)
        # What is cut on purpose moves in differences, but has no derivative.
        return [np.zeros_like(x) for x in found] if self.row.prim in CUT_ON_PURPOSE else found

    @cached_property
    def by_differences(self):
        """The derivative along dx of what each input contributes."""
        found = []
        for i in range(len(self.xs)):
            dxs = [dx if j == i else np.zeros_like(dx) for j, dx in enumerate(self.dx)]
            found.append(self.slope(self.of, self.xs, dxs))
        return found


def floats(arrays):
    return [x for x in arrays if x.dtype.kind in "fc"]


def widen(arrays):
    """In double precision. A spectrum of float32 is complex64."""
    double = {np.dtype(np.float32): np.float64, np.dtype(np.complex64): np.complex128}
    return [x.astype(double.get(x.dtype, x.dtype)) for x in arrays]


def arrays_of(program):
    """A program of nodes as a function from a list of ndarrays to a list of ndarrays."""
    return lambda xs: values(program(*[node_of(x) for x in xs]))


def floats_of(program):
    return lambda xs: values(floating(program(*[node_of(x) for x in xs])))


# ---- comparing ------------------------------------------------------------------------------------------------


def same(found, expected, rtol, what):
    """Arrays agree in shape and dtype and, element by element, to rtol; rounding of the largest element is forgiven."""
    assert len(found) == len(expected), f"{what}: {len(found)} results, not {len(expected)}"
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"{what}[{i}]: {a.dtype}{a.shape}, not {b.dtype}{b.shape}"
        if a.dtype.kind not in "fc":
            assert np.array_equal(a, b), f"{what}[{i}]: {a}, not {b}"
            continue
        slack = np.max(np.abs(b), initial=0.0) * (1e-3 if rtol <= 1e-6 else 1.0)
        wrong = ~(np.abs(a - b) <= rtol * (np.abs(b) + slack) + 1e-10 * (rtol / 1e-6))
        assert not wrong.any(), f"{what}[{i}]: {a[wrong][:4]}, not {b[wrong][:4]} ({wrong.sum()} of {a.size} elements)"


def paired(a, b):
    """The pairing Re sum(a * b) of lists of arrays, and the size of its terms."""
    terms = [np.real(x * y).ravel() for x, y in zip(a, b, strict=True)]
    joined = np.concatenate([np.zeros(1), *terms])
    return float(joined.sum()), float(np.abs(joined).sum())


def same_pairing(a, b, c, d, rtol, what):
    """<a, b> is <c, d>."""
    (found, size), (expected, other_size) = paired(a, b), paired(c, d)
    allowed = rtol * max(size, other_size) + 1e-9
    assert abs(found - expected) <= allowed, f"{what}: paired {found!r}, not {expected!r}"


# ---- the modes ------------------------------------------------------------------------------------------------
#
# `write` runs our sweeps and gives arrays; `verify` compares them with finite differences. In float32 the arrays are
# compared with those of float64 instead.


class Mode:
    """One way to differentiate. like(case): arrays of the shapes and dtypes that the results must have."""

    def __init__(self, write, verify, like):
        self.write = write
        self.verify = verify
        self.like = like

    def check(self, case, what):
        if isinstance(case.row.primitive, Opaque):
            return refuses(self.write, case)
        if not case.xs:
            return None
        found = self.write(case)
        announced = [(x.shape, x.dtype) for x in self.like(case)]
        assert [(x.shape, x.dtype) for x in found] == announced, f"{what}: {found}, but announced are {announced}"
        if case.row.constant:
            assert all(not x.any() for x in found), f"{what}: not zero, though {case.row.constant}"
        if case.dtype == np.float32:
            return same(widen(found), self.write(case.widened), case.row.rtol32, what)
        return self.verify(case, found, what)


def refuses(write, case):
    try:
        write(case)
    except NotDifferentiableError as error:
        assert case.row.prim in str(error)
    else:
        raise AssertionError(f"{case.row.prim} is opaque, but was differentiated")


def write_forward(case):
    return arrays_of(case.pushed)([*case.xs, *case.dx])


def verify_forward(case, found, what):
    along = case.by_differences
    same(found, [sum(terms) for terms in zip(*along, strict=True)], case.row.rtol, what)
    for i in range(len(along)):  # the tangents of the other inputs are not there at all
        alone = arrays_of(lambda x, dx, i=i: jvp(case.alone(i), [x], [dx]))([case.xs[i], case.dx[i]])
        same(alone, along[i], case.row.rtol, f"{what}, input {case.wrt[i]} alone")
    if not case.row.constant and any(x.size for x in found):
        assert any(x.any() for terms in along for x in terms), f"{what}: it is zero; say why with constant=..."


def write_reverse(case):
    return arrays_of(case.pulled)([*case.xs, *case.g])


def verify_reverse(case, found, what):
    for i, along in enumerate(case.by_differences):
        which = f"{what}, input {case.wrt[i]}"
        same_pairing([found[i]], [case.dx[i]], case.g, along, case.row.rtol, which)
        alone = arrays_of(lambda x, *g, i=i: vjp(case.alone(i), [x], g))([case.xs[i], *case.g])
        same(alone, [found[i]], 1e-9, f"{which} alone")
    other = arrays_of(case.pushed)([*case.xs, *case.dx_2])
    same_pairing(found, case.dx_2, case.g, other, 1e-9, f"{what} and forward")


def write_masked(case):
    return arrays_of(case.pulled_masked)([*case.xs, *case.g])


def verify_masked(case, found, what):
    kept = [g * np.asarray(keep).astype(g.dtype) for g, keep in zip(case.g, case.kept, strict=True)]
    same(found, arrays_of(case.pulled)([*case.xs, *kept]), 1e-9, what)


def write_forward_over_forward(case):
    return arrays_of(lambda *a: jvp(case.pushed, *halves(a)))([*case.xs, *case.dx, *case.dx_2, *case.dx_3])


def write_reverse_over_forward(case):
    n = 2 * len(case.xs)
    return arrays_of(lambda *a: vjp(case.pushed, a[:n], a[n:]))([*case.xs, *case.dx, *case.g])


def write_forward_over_reverse(case):
    return arrays_of(lambda *a: jvp(case.pulled, *halves(a)))([*case.xs, *case.g, *case.dx_2, *case.g_2])


def write_reverse_over_reverse(case):
    n = len(case.xs) + len(case.g)
    return arrays_of(lambda *a: vjp(case.pulled, a[:n], a[n:]))([*case.xs, *case.g, *case.dx])


def halves(a):
    return a[: len(a) // 2], a[len(a) // 2 :]


def verify_forward_over_forward(case, found, what):
    same(found, case.pushed_by_differences, case.row.rtol, what)


def verify_reverse_over_forward(case, found, what):
    directions = [*case.dx_2, *case.dx_3]
    same_pairing(found, directions, case.g, case.pushed_by_differences, case.row.rtol, what)


def verify_forward_over_reverse(case, found, what):
    same(found, case.pulled_by_differences, case.row.rtol, what)


def verify_reverse_over_reverse(case, found, what):
    directions = [*case.dx_2, *case.g_2]
    same_pairing(found, directions, case.dx, case.pulled_by_differences, case.row.rtol, what)


class Value:
    """The value itself: against the row's reference, in float32 against float64."""

    def check(self, case, what):
        found = case.outputs
        row, dtype = case.row, case.dtype
        if row.value is not None:
            expected = row.value(*case.arrays)
            expected = list(expected) if isinstance(expected, (tuple, list)) else [expected]
            same(found, [np.asarray(x) for x in expected], row.rtol32 if dtype == np.float32 else 1e-12, what)
        elif dtype == np.float32:
            same(widen(found), widen(case.widened.outputs), row.rtol32, what)
        assert all(np.isfinite(x).all() for x in floats(found)), f"{what} is not finite: move the inputs inside"


class Batched:
    """A first-order program over lanes, with each choice of inputs that are mapped, against a loop over the lanes."""

    def __init__(self, program, extra):
        self.program = program  # a method of Case, of all inputs and then of `extra`
        self.extra = extra  # the name of the further inputs: directions or cotangents

    def check(self, case, what):
        extra = getattr(case, self.extra) if self.extra else []
        if isinstance(case.row.primitive, Opaque) and extra:
            return
        further = [extra, case.alike(extra)]
        rtol = 2e-5 if case.dtype == np.float32 else 1e-11
        program = getattr(case, self.program)
        for flags in mapped_inputs(len(case.arrays), bool(extra)):
            # Directions are mapped but where all else is: as in vmap(grad(f)), whose cotangent is one for all lanes.
            flags_of_extra = [not all(flags) or not flags] * len(extra)
            every = [*flags, *flags_of_extra]
            per_lane = [
                [draw if flag else base for draw, base, flag in zip([*draws, *more], [*case.arrays, *extra], every, strict=True)]
                for draws, more in zip(case.draws, further, strict=True)
            ]
            stacked = [np.stack(xs) if flag else xs[0] for xs, flag in zip(zip(*per_lane, strict=True), every, strict=True)]
            together = values(lanes(program, [node_of(x) for x in stacked], every, LANES))
            one_by_one = [arrays_of(program)(xs) for xs in per_lane]
            expected = [np.stack(outs) for outs in zip(*one_by_one, strict=True)]
            same(together, expected, rtol, f"{what}, mapped: {every}")


def mapped_inputs(n, or_none):
    """Which of n inputs are mapped: every choice, or of many inputs each alone and all."""
    if n <= 3:
        choices = [flags for flags in itertools.product((False, True), repeat=n) if any(flags)]
    else:
        choices = [tuple(i == j for i in range(n)) for j in range(n)] + [(True,) * n]
    return [(False,) * n, *choices] if or_none or not n else choices


def like_outputs(case):
    return floats(case.outputs)


def like_inputs(case):
    return case.xs


MODES = {
    "value": Value(),
    "forward": Mode(write_forward, verify_forward, like_outputs),
    "reverse": Mode(write_reverse, verify_reverse, like_inputs),
    "reverse of a where": Mode(write_masked, verify_masked, like_inputs),
    "forward over forward": Mode(write_forward_over_forward, verify_forward_over_forward, like_outputs),
    "reverse over forward": Mode(write_reverse_over_forward, verify_reverse_over_forward, lambda case: [*case.xs, *case.dx]),
    "forward over reverse": Mode(write_forward_over_reverse, verify_forward_over_reverse, like_inputs),
    "reverse over reverse": Mode(write_reverse_over_reverse, verify_reverse_over_reverse, lambda case: [*case.xs, *case.g]),
    "batched value": Batched("whole", ""),
    "batched forward": Batched("pushed_at", "dx"),
    "batched gradient": Batched("pulled_at", "g"),
}


def check_cell(case, mode):
    MODES[mode].check(case, f"{case.row} {case.dtype} {mode}")


@contextmanager
def strict_engine():
    """Every value that the engine computes has the shape and dtype that its node announced."""
    publish = run.set_value

    def checked(node, value):
        announced, found = (node.shape, node.dtype), (value_shape(value), value_dtype(value))
        assert announced == found, f"{node!r} {dict(node.params)}: its kernel gave {found}"
        publish(node, value)

    run.set_value = checked
    try:
        yield
    finally:
        run.set_value = publish


def value_shape(value):
    return tuple(x.shape for x in value) if isinstance(value, tuple) else value.shape


def value_dtype(value):
    return tuple(x.dtype for x in value) if isinstance(value, tuple) else value.dtype


# ---- edges ----------------------------------------------------------------------------------------------------


class AtEdge(Case):
    """A row at a documented point of its edge."""

    def __init__(self, row, edge):
        self.row, self.edge, self.dtype = row, edge, np.dtype(edge.dtype)
        kinds = [np.asarray(x).dtype.kind for x in edge.inputs]
        self.arrays = [np.asarray(x, self.dtype if kind in "fc" else None) for x, kind in zip(edge.inputs, kinds, strict=True)]
        self.wrt = [i for i, g in enumerate(edge.gradient) if g is not None]
        self.g = [np.ones_like(x) for x in floats(self.outputs)]

    def by_elements(self, program, more=()):
        """The gradient of the sum of the program's outputs, put together from forward sweeps, one input at a time.

        Where an element of an input has a tangent of zero an infinite slope gives NaN. So the elements of elementwise
        primitives move together, and those of others one after the other.
        """
        more = [node_of(x) for x in more]
        gradient = []
        for i, x in enumerate(self.xs):

            def alone(y, i=i):
                return program(*[y if i == j else node_of(z) for j, z in enumerate(self.xs)], *more)

            def slope(dx, x=x, alone=alone):
                return [np.real(out) for out in arrays_of(lambda y, dy: jvp(alone, [y], [dy]))([x, dx])]

            units = [1, -1j] if x.dtype.kind == "c" else [1]
            if isinstance(self.row.primitive, Elementwise):
                parts = [unit * summed_to(sum(slope(np.full_like(x, np.conj(unit)))), x.shape) for unit in units]
                gradient.append(sum(parts).astype(x.dtype))
                continue
            gradient.append(np.zeros_like(x))
            for unit, j in itertools.product(units, np.ndindex(x.shape)):
                dx = np.zeros_like(x)
                dx[j] = np.conj(unit)
                gradient[-1][j] += unit * sum(out.sum() for out in slope(dx))
        return gradient

    def check_gradient(self):
        expected = self.expected(self.edge.gradient)
        self.agree(arrays_of(self.pulled)([*self.xs, *self.g]), expected, "reverse")
        self.agree(self.by_elements(self.of), expected, "forward")

    def check_second(self):
        n, ones = len(self.xs), [np.ones_like(x) for x in self.xs]
        expected = self.expected(self.edge.second)
        self.agree(self.by_elements(self.pulled, self.g), expected, "forward over reverse")
        self.agree(self.by_elements(self.pushed, ones), expected, "forward over forward")
        found = arrays_of(lambda *a: vjp(lambda *xs: self.pulled(*xs, *a[n:-n]), a[:n], a[-n:]))
        self.agree(found([*self.xs, *self.g, *ones]), expected, "reverse over reverse")
        found = arrays_of(lambda *a: vjp(lambda *xs: self.pushed(*xs, *a[n : 2 * n]), a[:n], a[2 * n :]))
        self.agree(found([*self.xs, *ones, *self.g]), expected, "reverse over forward")

    def hidden(self):
        """The same where the output stands in the branch that a `where` does not take."""
        hidden = object.__new__(AtEdge)
        hidden.__dict__.update(self.__dict__)
        hidden.whole = lambda *nodes: masked(self.whole(*nodes), [np.asarray(False)] * len(self.g))
        return hidden

    def check_masked(self):
        hidden, expected = self.hidden(), self.expected(self.edge.masked)
        self.agree(arrays_of(hidden.pulled)([*self.xs, *self.g]), expected, "reverse, not taken")
        if not any(x.any() for x in expected):
            hidden.edge = type(self.edge)(self.edge.inputs, self.edge.gradient, self.edge.masked, dtype=self.edge.dtype)
            hidden.check_second()

    def expected(self, given):
        return [np.broadcast_to(np.asarray(given[i], self.arrays[i].dtype), self.arrays[i].shape) for i in self.wrt]

    def agree(self, found, expected, mode):
        for i, a, b in zip(self.wrt, found, expected, strict=True):
            fits = np.allclose(a, b, rtol=self.edge.rtol, atol=1e-14, equal_nan=True)
            where = f"{self.row.prim} at {self.edge.inputs}, {mode}, input {i}"
            assert a.dtype == b.dtype and fits, f"{where}: {a.tolist()}, documented: {b.tolist()}"


def summed_to(x, shape):
    """Summed over the axes along which `shape` was broadcast."""
    x = np.broadcast_to(x, np.broadcast_shapes(x.shape, shape))
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    return x.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def masked(outs, keeps):
    """Each floating output in the first branch of a `where` whose other branch is zero."""
    keeps = iter(keeps)
    return [select(node_of(next(keeps)), out, zeros((), out.dtype)) if out.dtype.kind in "fc" else out for out in outs]
