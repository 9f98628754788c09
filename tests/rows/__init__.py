"""The table of primitives: every `ROWS` of every module of this package, collected."""

import importlib
import pkgutil

from rows.row import Row

ROWS: list[Row] = []
for _module in pkgutil.iter_modules(__path__):
    ROWS += getattr(importlib.import_module(f"rows.{_module.name}"), "ROWS", [])
