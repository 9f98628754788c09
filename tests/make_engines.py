"""Writes docs/engines.md anew: `python tests/make_engines.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from engines_page import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
