"""Why some of NumPy's functions do not take tensors, and what to write instead: the second half of the message."""

from __future__ import annotations

from typing import Mapping

_FILES = "files hold plain arrays: pass x.detach().numpy()"
_TEXT = "text has no derivative: write str(x), or pass x.detach().numpy()"
_DATES = "dates have no derivative, and tensors hold numbers: work with ndarrays"
_MEMORY = "where a tensor lies in memory is no part of its meaning: copy it where you need your own (x.copy())"

REFUSED: Mapping[str, str] = {
    "np.save": _FILES,
    "np.savez": _FILES,
    "np.savez_compressed": _FILES,
    "np.savetxt": _FILES,
    "np.array2string": _TEXT,
    "np.array_repr": _TEXT,
    "np.array_str": _TEXT,
    "np.busday_count": _DATES,
    "np.busday_offset": _DATES,
    "np.is_busday": _DATES,
    "np.datetime_as_string": _DATES,
    "np.may_share_memory": _MEMORY,
    "np.shares_memory": _MEMORY,
    "np.min_scalar_type": "the dtype that just holds a value hangs on the value: pass x.detach().numpy()",
}
"""By name, `np.…`."""

REFUSED_UFUNCS: Mapping[str, str] = {
    "isnat": "tensors hold no dates, so that nothing in them is NaT",
}
