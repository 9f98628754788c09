"""The page docs/coverage.md: each public function, each mode, each dtype."""

from pathlib import Path

import numpy as np
from sweeps import lanes, node_of
from table import MODES, Case, check_cell, strict_engine

from nabla.errors import TracedValueError

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"

HEAD = """# What is differentiated, and how

Each row is a public function; each cell a way to run or differentiate it, checked in the dtypes named: **f** float32,
**d** float64, **z** complex128, **i** int64. The tests make this page: a cell stands here only if its result was just
compared, the value with NumPy's or SciPy's, first derivatives with finite differences, second ones with differences of
the first, batched ones with a loop. In float32 they are compared with float64.

The four second orders name the outer mode first: *f/r* is forward over reverse. *where* is the gradient under a `where`
that takes some elements only; *vmap/g* the batched gradient, over every choice of mapped arguments.

"""

COLUMNS = {
    "value": "value",
    "forward": "forward",
    "reverse": "reverse",
    "reverse of a where": "where",
    "forward over forward": "f/f",
    "reverse over forward": "r/f",
    "forward over reverse": "f/r",
    "reverse over reverse": "r/r",
    "batched value": "vmap",
    "batched forward": "vmap/f",
    "batched gradient": "vmap/g",
}
assert list(COLUMNS) == list(MODES)

LETTERS = {"float32": "f", "float64": "d", "complex128": "z", "int64": "i"}

NO_TENSOR = "it takes no tensor of floats"
TRANSFORM = "a transform: tests of its own"
CAN_NOT = {
    **dict.fromkeys(
        [
            *["arange", "bool", "empty", "eye", "from_dlpack", "identity", "logspace", "geomspace", "ones", "tri", "zeros"],
            *["bartlett", "blackman", "hamming", "hanning", "diag_indices", "diag_indices_from", "fromfunction", "indices"],
            *["ix_", "mask_indices", "tril_indices", "tril_indices_from", "triu_indices", "triu_indices_from", "packbits"],
            *["unpackbits", "ravel_multi_index", "unravel_index", "fft.fftfreq", "fft.rfftfreq"],
        ],
        NO_TENSOR,
    ),
    **dict.fromkeys(
        [
            *["backward", "default_dtype", "grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "make_graph"],
            *["no_grad", "realize", "register_dataclass", "set_default_dtype", "show", "to_dot", "using_default_dtype"],
            *["get_num_threads", "set_num_threads"],
            *["value_and_grad", "vjp", "vmap", "axis_index", "axis_size", "pmax", "pmean", "pmin", "psum"],
            *["all_gather", "all_to_all", "ppermute", "reduce_scatter", "shard_map"],
            *["custom_jvp", "custom_vjp", "custom_vmap", "pure_callback", "linearize", "linear_transpose", "jit"],
            *["export", "load_exported", "set_compilation_cache"],
            *["associative_scan", "cond", "fori_loop", "map", "scan", "switch", "while_loop", "checkpoint"],
        ],
        TRANSFORM,
    ),
    **dict.fromkeys(
        ["clip_gradient", "reverse_gradient", "scale_gradient"],
        "its derivative is not its own, on purpose: tests of its own",
    ),
    **dict.fromkeys(["allclose", "array_equal", "array_equiv"], "it gives a bool of Python"),
    **dict.fromkeys(
        [
            *["__array_namespace_info__", "broadcast_shapes", "can_cast", "finfo", "iinfo", "isdtype", "result_type"],
            *["iscomplexobj", "isrealobj", "shape", "ndim", "size", "einsum_path"],
        ],
        "it asks about dtypes and shapes",
    ),
    **dict.fromkeys(["default_device", "devices", "shard", "with_sharding_constraint"], "it is about devices: tests of its own"),
    **{
        f"random.{name}": reason
        for names, reason in [
            ("key split fold_in bits", "it gives keys and bits"),
            ("bernoulli binomial categorical geometric multinomial poisson rademacher randint", "it draws whole numbers"),
            ("ball orthogonal sphere", NO_TENSOR),
            (
                "gamma loggamma beta chisquare dirichlet f t wald",
                "the draw jumps where its parameter moves; it is differentiated along the quantile, which has tests of its own",
            ),
        ]
        for name in names.split()
    },
    "ravel_pytree": "it takes a pytree: tests of its own",
    **dict.fromkeys(["apply_along_axis", "apply_over_axes", "piecewise"], "it takes functions: tests of its own"),
    **dict.fromkeys(
        ["copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"], "it writes into its argument: tests of its own"
    ),
}


def checked(rows):
    """The cells that hold, {mode: letters}, and what is wrong with the others."""
    cells, faults = {mode: set() for mode in MODES}, []
    for row in rows:
        for dtype in row.all_dtypes():
            try:
                case = Case(row, dtype)
            except Exception as error:  # noqa: BLE001 - a function may fail in any way, and all of them are told at once
                faults.append(f"{row} {dtype}: {type(error).__name__}: {error}")
                continue
            for mode in MODES:
                try:
                    with strict_engine(), np.errstate(all="ignore"):
                        if row.unmapped and mode.startswith("batched"):
                            refuses_to_map(row, case)
                            continue
                        check_cell(case, mode)
                except Exception as error:  # noqa: BLE001
                    faults.append(f"{row} {dtype} {mode}: {type(error).__name__}: {error}")
                else:
                    cells[mode].add(LETTERS[dtype])
    return cells, faults


def refuses_to_map(row, case):
    """That vmap says of this function that it cannot be mapped."""
    try:
        lanes(case.whole, [node_of(np.stack([x, x])) for x in case.arrays], [True] * len(case.arrays), 2)
    except TracedValueError:
        return
    raise AssertionError(f"{row} says that vmap refuses it, but it does not")


def line(name, rows, cells):
    """The row of a function on the page."""
    shown = ["".join(letter for letter in "fdzi" if letter in cells[mode]) or "–" for mode in MODES]
    if not any(row.all_dtypes() != ("int64",) for row in rows):
        shown = [letters if mode in ("value", "batched value") else "–" for mode, letters in zip(MODES, shown, strict=True)]
        notes = ["integers only"]
    else:
        notes = list(dict.fromkeys(note for row in rows for note in notes_of(row, rows)))
    return f"| `{name}` | {' | '.join(shown)} | {'; '.join(notes)} |"


def notes_of(row, rows):
    constants = [r for r in rows if r.constant]
    if row.constant:
        dtypes = "" if len(constants) == len(rows) else " of " + ", ".join(row.all_dtypes())
        yield f"derivative{dtypes} zero: {row.constant}"
    if row.unmapped:
        yield f"no vmap: {row.unmapped}"
    if row.real_only:
        yield f"real only: {row.real_only}"


def page(by_name):
    """The whole page, checking every cell."""
    head = f"| function | {' | '.join(COLUMNS.values())} | |\n|---|{'---|' * len(COLUMNS)}---|\n"
    lines, all_faults = [], []
    for name, rows in by_name.items():
        cells, faults = checked(rows)
        lines.append(line(name, rows, cells))
        all_faults += faults
    if all_faults:
        raise AssertionError("the page stays as it was:\n" + "\n".join(all_faults))
    return HEAD + head + "\n".join(lines) + "\n"


def page_lines():
    return PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else []


def names_on_the_page():
    return {text.split("`")[1] for text in page_lines() if text.startswith("| `")}
