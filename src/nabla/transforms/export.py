"""Export: a function and its derivatives as bytes that run without the code they came from."""

from __future__ import annotations

import io
import json
import os
import zipfile
from functools import partial
from typing import Any, Callable, Sequence

import numpy as np

from nabla import dtypes, tree
from nabla.dtypes import ShapeDtype
from nabla.engines.choice import engine_called
from nabla.engines.engine import Executable
from nabla.engines.native.runtime.cache import keep_in
from nabla.engines.xla.cache import set_compilation_cache as xla_keeps_in
from nabla.engines.xla.export import read, written
from nabla.engines.xla.kernel import is_installed
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, NotDifferentiableError, ShapeError
from nabla.ops.creation import asarray
from nabla.tensor import Tensor
from nabla.transforms.custom import custom_vjp
from nabla.transforms.jit import Jitted
from nabla.transforms.jvp import jvp
from nabla.transforms.program import argument_names
from nabla.transforms.pure_callback import pure_callback
from nabla.transforms.trace import want_callable
from nabla.transforms.vjp import vjp

FORMAT = 2

REVERSE, FORWARD = "r", "f"
"""A program is named by the derivatives that were taken of the function, first to last."""


def export(
    fn: Callable[..., Any], *args: Any, derivatives: int = 1, platforms: Sequence[str] | None = None, **kwargs: Any
) -> Exported:
    """A function for arguments like these, with its derivatives, as a program of its own.

    Args:
        fn: a function that `nb.jit` takes, or has taken. What it reads besides its arguments becomes part of the program, as
            it is now; what writes to tensors outside cannot be exported.
        args, kwargs: arguments; their structure, shapes and dtypes are those of every later call. Containers are tuples, lists
            and dicts with string keys.
        derivatives: how many times the loaded function may be differentiated, in either mode each time. There is a program for each
            sequence of modes, so that n derivatives make 2**(n + 1) - 1 programs.
        platforms: where it shall run: "cpu", "cuda", "rocm", "tpu"; left out, what XLA computes on here.

    The program is StableHLO, which `jax.export` writes and reads: it needs the extra `nabla[xla]`, here and where it is loaded,
    and neither the code of `fn` nor the same version of anything. `to_bytes` and `save` give it away; `nb.load_exported` loads it.

    >>> import nabla as nb
    >>> def f(x):
    ...     return (x ** 3).sum()
    >>> data = nb.export(f, np.ones(2)).to_bytes()
    >>> g = nb.load_exported(data)
    >>> g(np.array([1.0, 2.0])).item()
    9.0
    >>> nb.grad(g)(np.array([1.0, 2.0])).tolist()
    [3.0, 12.0]
    >>> nb.jacfwd(g)(np.array([1.0, 2.0])).tolist()
    [3.0, 12.0]
    """
    want_callable("export", fn)
    if not isinstance(derivatives, int) or isinstance(derivatives, bool) or derivatives < 0:
        raise ArgumentError(f"export: derivatives is the number of orders, 0 or more; got {derivatives!r}")
    values, structure = tree.flatten((args, kwargs))
    leaves = [asarray(x) for x in values]
    found: list[Any] = []

    def flat(*xs: Any) -> list[Any]:
        given, named = tree.unflatten(structure, xs)
        outs, out_structure = tree.flatten(fn(*given, **named))
        found[:] = [out_structure]
        return [asarray(x) for x in outs]

    programs: dict[str, bytes] = {}
    outputs: list[Any] = []

    def write(word: str, level: Callable[..., list[Any]], xs: Sequence[Any]) -> None:
        jitted = Jitted(level, (), (), engine_called("xla"))
        program, hidden = jitted.traced(*xs)
        if program.writes:
            raise ArgumentError("export: the function writes to tensors outside of it, which a program of its own cannot do")
        outs = program.graph.outputs
        if not word:
            outputs.extend([_kind(x) for x in outs])
        programs[word] = written(program.graph, [_value(x) for x in hidden], platforms)
        if len(word) < derivatives and any(_moves(x.dtype) for x in xs) and any(_moves(x.dtype) for x in outs):
            write(word + REVERSE, partial(_pulled, level, len(xs)), [*xs, *_like(outs)])
            write(word + FORWARD, partial(_pushed, level, len(xs)), [*xs, *_like(xs)])

    write("", flat, leaves)
    signature = {
        "format": FORMAT,
        "derivatives": derivatives,
        "inputs": [_kind(x) for x in leaves],
        "outputs": outputs,
        "arguments": _as_json(tree.unflatten(structure, range(len(leaves)))),
        "result": _as_json(tree.unflatten(found[0], range(len(outputs)))),
    }
    return Exported(signature, programs)


SUFFIX = ".stablehlo"
VALUE = "value"
"""The name of a file: this, and the derivatives."""


def load_exported(source: bytes | str | os.PathLike[str]) -> Exported:
    """What `nb.export` gave away: from its bytes, or from the file that has them."""
    data = source if isinstance(source, bytes) else _content(source)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            signature = json.loads(archive.read("signature.json"))
            names = [name for name in archive.namelist() if name.endswith(SUFFIX)]
            programs = {name.removesuffix(SUFFIX).removeprefix(VALUE): archive.read(name) for name in names}
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ArgumentError(f"load_exported: this is not what nb.export writes: {error}") from error
    if signature.get("format") != FORMAT:
        raise ArgumentError(f"load_exported: this has format {signature.get('format')}; this version of Nabla reads {FORMAT}")
    return Exported(signature, programs)


class Exported:
    """A function with its derivatives as a program of its own: call it, differentiate it, map it, give it away."""

    def __init__(self, signature: dict[str, Any], programs: dict[str, bytes]) -> None:
        self._signature = signature
        self._programs = programs
        self._inputs = [_declared(x) for x in signature["inputs"]]
        _, self._structure = tree.flatten(_from_json(signature["arguments"]))
        _, self._result = tree.flatten(_from_json(signature["result"]))
        self._function = _differentiable(programs, "", self._inputs, [_declared(x) for x in signature["outputs"]])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        if structure != self._structure:
            raise ArgumentTypeError(f"this function was exported for arguments {self._structure}; got {structure}")
        xs = []
        for x, kind, path in zip(leaves, self._inputs, argument_names(structure)):
            t = asarray(x, kind.dtype) if isinstance(x, (bool, int, float, complex)) else asarray(x)
            if t.shape != kind.shape:
                raise ShapeError(f"{path} was exported with shape {kind.shape}; got {t.shape}")
            if t.dtype != kind.dtype:
                raise DTypeError(f"{path} was exported with dtype {kind.dtype}; got {t.dtype}")
            xs.append(t)
        return tree.unflatten(self._result, self._function(*xs))

    @property
    def derivatives(self) -> int:
        """How many times it may be differentiated."""
        return int(self._signature["derivatives"])

    def to_bytes(self) -> bytes:
        """All of it: an archive of the signature, of the program in StableHLO, and of one for each of its derivatives."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("signature.json", json.dumps(self._signature))
            for word, program in self._programs.items():
                archive.writestr(f"{VALUE}{word}{SUFFIX}", program)
        return buffer.getvalue()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, for `nb.load_exported`."""
        with open(path, "wb") as file:
            file.write(self.to_bytes())


def set_compilation_cache(path: str | os.PathLike[str]) -> None:
    """Keep what is compiled in this directory: another process that compiles the same program reads it there instead.

    The native engine keeps its code without being told, in the directory that the environment variable NABLA_CACHE_DIR names, else
    in that of the user's caches: at most 128 MiB, of which the oldest goes first. NABLA_CACHE=off keeps none of it. XLA, where it
    is installed, keeps nothing until told. Its cache is that of the whole process and for its whole life: another directory is an
    ArgumentError. The environment variable JAX_COMPILATION_CACHE_DIR does the same, for programs that take XLA more than a
    second.
    """
    directory = os.fspath(path)
    if is_installed():
        xla_keeps_in(directory)
    keep_in(directory)


# The orders


def _like(nodes: Sequence[Any]) -> list[Any]:
    """Directions for the inexact ones."""
    return [asarray(np.zeros(x.shape, x.dtype)) for x in nodes if _moves(x.dtype)]


def _pushed(f: Callable[..., list[Any]], count: int, *values: Any) -> list[Any]:
    """The forward derivative of a flat function as a flat function: from its inputs and the tangents of its inexact inputs to those
    of its inexact outputs."""
    xs, dxs = values[:count], values[count:]
    places = [i for i, x in enumerate(xs) if _moves(x.dtype)]

    def moving(*ys: Any) -> list[Any]:
        given = dict(zip(places, ys))
        return [y for y in f(*[given.get(i, x) for i, x in enumerate(xs)]) if _moves(y.dtype)]

    return list(jvp(moving, tuple([xs[i] for i in places]), tuple(dxs))[1])


def _pulled(f: Callable[..., list[Any]], count: int, *values: Any) -> list[Any]:
    """The pullback of a flat function as a flat function: from its inputs and the cotangents of its inexact outputs to those of its
    inexact inputs."""
    xs, gs = values[:count], values[count:]
    _, pullback = vjp(lambda *xs: [x for x in f(*xs) if _moves(x.dtype)], *xs)
    return [g for x, g in zip(xs, pullback(list(gs))) if _moves(x.dtype)]


def _differentiable(
    programs: dict[str, bytes], word: str, inputs: list[ShapeDtype], outputs: list[ShapeDtype]
) -> Callable[..., list[Any]]:
    """The program of that name as a function of tensors, whose rules are the programs of its derivatives."""
    run = _Once(programs[word])

    def plain(*xs: Any) -> list[Any]:
        return pure_callback(run, outputs, *xs)

    slopes = [x for x in outputs if _moves(x.dtype)]
    moving = [x for x in inputs if _moves(x.dtype)]
    pulled = pushed = _no_further
    if word + REVERSE in programs:
        pulled = _differentiable(programs, word + REVERSE, [*inputs, *slopes], moving)
        pushed = _differentiable(programs, word + FORWARD, [*inputs, *moving], slopes)

    def backward(xs: Any, g: list[Any]) -> tuple[Any, ...]:
        found = iter(pulled(*xs, *[y for y, kind in zip(g, outputs) if _moves(kind.dtype)]))
        return tuple([next(found) if _moves(kind.dtype) else None for kind in inputs])

    def forward(xs: Any, tangents: Any) -> tuple[Any, list[Any]]:
        found = iter(pushed(*xs, *[dx for dx, kind in zip(tangents, inputs) if _moves(kind.dtype)]))
        return function(*xs), [next(found) if _moves(kind.dtype) else None for kind in outputs]

    function = custom_vjp(plain)
    function.defvjp(lambda *xs: (function(*xs), xs), backward)
    function.defjvp(forward)
    return function


def _no_further(*_: Any) -> Any:
    raise NotDifferentiableError("this function was exported with no further derivative; nb.export(..., derivatives=n) has n")


class _Once:
    """A program that is read when it is first called."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._run: Executable | None = None

    def __call__(self, *values: Any) -> list[np.ndarray]:
        if self._run is None:
            self._run = read(self._data)
        return list(self._run(*values))


# The signature


def _moves(dtype: Any) -> bool:
    return np.dtype(dtype).kind in "fc"


def _kind(x: Any) -> list[Any]:
    return [list(x.shape), dtypes.strong(x.dtype).name]


def _declared(kind: list[Any]) -> ShapeDtype:
    return ShapeDtype(tuple(kind[0]), kind[1])


def _value(x: Any) -> np.ndarray:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def _content(path: str | os.PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _as_json(x: Any) -> Any:
    """A tree of numbers: containers by name, so that they are told apart."""
    if x is None or isinstance(x, int):
        return x
    if type(x) in (tuple, list):
        return {type(x).__name__: [_as_json(part) for part in x]}
    if type(x) is dict and all(isinstance(key, str) for key in x):
        return {"dict": {key: _as_json(part) for key, part in x.items()}}
    raise ArgumentTypeError(f"export: containers are tuples, lists and dicts with string keys; got a {type(x).__name__}")


def _from_json(x: Any) -> Any:
    if x is None or isinstance(x, int):
        return x
    ((kind, parts),) = x.items()
    if kind == "dict":
        return {key: _from_json(part) for key, part in parts.items()}
    return {"tuple": tuple, "list": list}[kind]([_from_json(part) for part in parts])
