"""Writes docs/coverage.md anew: `python tests/make_coverage.py`. Nothing is written where a cell is wrong."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from coverage_page import PAGE, page
from operators import OPERATORS

names = sorted({row.prim for row in OPERATORS})
PAGE.write_text(page({name: [row for row in OPERATORS if row.prim == name] for name in names}), encoding="utf-8")
