"""Writes the tables of docs/scipy.md anew from the cases that are run: `python tests/make_scipy_table.py`."""

import re
from pathlib import Path

from scipy_cases import RUNS, STOPS

PAGE = Path(__file__).parent.parent / "docs" / "scipy.md"


def modules():
    """The functions that run, by the module of SciPy that has them."""
    found = {}
    for case in RUNS:
        module, _, name = case.rpartition(".")
        found.setdefault(module, []).append(name)
    return found


def with_tables(text):
    rows = [f"| `scipy.{module}` | `{'`, `'.join(names)}` |\n" for module, names in modules().items()]
    text = re.sub(r"(?<=\| module \| functions \|\n\| --- \| --- \|\n)(\|.*\n)+", lambda _: "".join(rows), text)
    stops = [f"| `scipy.{name}` | {case[-1]} |\n" for name, case in STOPS.items()]
    return re.sub(r"(?<=\| function \| why, and what to use \|\n\| --- \| --- \|\n)(\|.*\n)+", lambda _: "".join(stops), text)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
