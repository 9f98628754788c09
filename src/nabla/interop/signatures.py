"""NumPy's argument lists onto ours: names that differ, options that only ndarrays have, options that we do not take.

NumPy's functions say `a`, `ary`, `m` where ours have one positional `x`, and have options that mean nothing to a tensor
(subok, order). Everything that means something is handed on or refused; nothing is dropped in silence.
"""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any, Callable, Mapping

from nabla.errors import ArgumentTypeError

Function = Callable[..., Any]

WITHOUT_MEANING: Mapping[str, tuple[Any, ...]] = {
    "order": ("K", "C", "A", "F", None),
    "subok": (True, False),
    "device": ("cpu", None),
    "copy": (True, False, None),
    "optimize": (True, False, "greedy", "optimal"),
    "overwrite_input": (True, False),
    "kind": (None, "quicksort", "mergesort", "heapsort", "stable", "introselect", "sort", "table"),
    "casting": ("same_kind", "unsafe"),
    "like": (None,),
}
"""Values of NumPy's options that ask for nothing that a tensor does not have anyway: our sorts are stable, our copies are cheap."""

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


class Adapter:
    """Calls one of our functions with the arguments of NumPy's function of that name."""

    def __init__(self, name: str, theirs: Function, ours: Function) -> None:
        self.name = name
        self.ours = ours
        self.theirs = signature(theirs)
        own = signature(ours).parameters.values()
        self.positional = [p.name for p in own if p.kind in _POSITIONAL]
        self.only_positional = {p.name for p in own if p.kind is Parameter.POSITIONAL_ONLY}
        self.named = {p.name for p in own if p.kind in _NAMED}
        self.takes_any_name = any(p.kind is Parameter.VAR_KEYWORD for p in own)
        self.slots = self._pair()

    def _pair(self) -> dict[str, int]:
        """For NumPy's parameters that ours only knows by place: the place."""
        slots = {}
        theirs = [p for p in self.theirs.parameters.values() if p.kind in _POSITIONAL]
        known = {p.name for p in self.theirs.parameters.values()}
        for place, p in enumerate(theirs):
            if p.name in self.named:
                continue
            if p.name in self.only_positional:
                slots[p.name] = self.positional.index(p.name)
            elif place < len(self.positional) and self.positional[place] not in known:
                slots[p.name] = place
        return slots

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self.theirs.bind(*args, **kwargs)
        places: dict[int, Any] = {}
        rest: list[Any] = []
        options: dict[str, Any] = {}
        for key, value in bound.arguments.items():
            parameter = self.theirs.parameters[key]
            if parameter.kind is Parameter.VAR_POSITIONAL:
                rest.extend(value)
            elif parameter.kind is Parameter.VAR_KEYWORD:
                for option, given in value.items():
                    self._option(option, given, Parameter.empty, options)
            elif key in self.slots:
                places[self.slots[key]] = value
            else:
                self._option(key, value, parameter.default, options)
        filled = [places[i] for i in sorted(places)]
        if sorted(places) != list(range(len(places))):
            missing = self.positional[next(i for i in range(len(places) + 1) if i not in places)]
            raise ArgumentTypeError(f"{self.name} of a tensor needs the argument {missing!r}")
        return self.ours(*filled, *rest, **options)

    def _option(self, key: str, value: Any, default: Any, options: dict[str, Any]) -> None:
        if _is_default(value, default):
            return
        if key in self.named or self.takes_any_name:
            options[key] = value
        elif key not in WITHOUT_MEANING or not any(_is_default(value, neutral) for neutral in WITHOUT_MEANING[key]):
            shown = f"{key}={value!r}" if isinstance(value, (str, int, float, bool)) else f"{key}="
            raise ArgumentTypeError(f"{self.name} of a tensor does not take {shown}; leave it away, or write it with nb functions")


def _is_default(value: Any, default: Any) -> bool:
    if value is default:
        return True
    plain = (bool, int, float, str)
    return isinstance(value, plain) and type(value) is type(default) and value == default
