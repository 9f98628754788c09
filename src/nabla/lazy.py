"""Heavy or optional packages, imported when first used and not before.

`scipy_special = optional("scipy.special")` gives a stand-in whose attributes import the package on first use.
"""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any


class LazyModule:
    """Stands for a module until an attribute of it is asked for."""

    def __init__(self, name: str, remedy: str) -> None:
        self._name = name
        self._remedy = remedy
        self._module: ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        if self._module is None:
            try:
                self._module = importlib.import_module(self._name)
            except ImportError as error:
                raise ImportError(f"this needs the package {self._name}; {self._remedy}") from error
        return getattr(self._module, attribute)


def installed(name: str) -> bool:
    """Whether the package `name` could be imported."""
    return importlib.util.find_spec(name) is not None


def optional(name: str, extra: str | None = None) -> Any:
    """A stand-in for the module `name`; `extra` is the extra of nabla that installs it."""
    package = name.partition(".")[0]
    wanted = f"nabla[{extra}]" if extra else package
    return LazyModule(name, f"install it with: pip install '{wanted}'")
