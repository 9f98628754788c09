"""The public functions and the inputs each is checked with, a module a family."""

import pkgutil
from importlib import import_module

OPERATORS = [
    row
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name)
    if module.name != "operator"
    for row in import_module(f"operators.{module.name}").OPERATORS
]
