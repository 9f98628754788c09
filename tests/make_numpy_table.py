"""Writes docs/numpy.md anew: `python tests/make_numpy_table.py`, with nabla installed or src on the path."""

from numpy_table import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
