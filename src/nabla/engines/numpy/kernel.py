"""What a NumPy kernel is: a function of the values of the inputs and the parameters of the node, which returns a value.

It never writes to its inputs. Values are ndarrays, or NumPy scalars where the shape is ().
"""

from __future__ import annotations

from typing import Any, Callable

Kernel = Callable[..., Any]
