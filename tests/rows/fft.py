"""Rows of the Fourier transforms: even and odd lengths, one point, several axes, every scaling."""

import numpy as np

from rows.row import Row, normal


def transformed(axes, inverse, norm):
    """numpy.fft along the axes, one after the other."""
    one = np.fft.ifft if inverse else np.fft.fft

    def value(x):
        for axis in axes:
            x = one(x, axis=axis, norm=norm)
        return x

    return value


def fft(x, axes, inverse=False, norm="backward", **more):
    return Row("fft", [x], {"axes": axes, "inverse": inverse, "norm": norm}, value=transformed(axes, inverse, norm), **more)


REAL = "the half of a spectrum is that of a real array"
COMPLEX = "a half spectrum is complex"


def rfft(x, axis, norm="backward", **more):
    value = lambda x: np.fft.rfft(x, axis=axis, norm=norm)
    return Row("rfft", [x], {"axis": axis, "norm": norm}, value=value, real_only=REAL, **more)


def irfft(x, axis, n, norm="backward", **more):
    value = lambda x: np.fft.irfft(x, n, axis=axis, norm=norm)
    return Row("irfft", [x], {"axis": axis, "n": n, "norm": norm}, value=value, complex_only=COMPLEX, **more)


ROWS = [
    fft(normal(6), (0,)),
    fft(normal(2, 5), (1,), inverse=True),
    fft(normal(3, 4, 2), (0, 1), norm="ortho"),
    fft(normal(2, 3), (1, 0), inverse=True, norm="forward"),
    fft(normal(1), (0,), norm="forward"),
    fft(normal(0, 3), (1,)),
    fft(normal(60, 2), (0,), exhaustive=True),
    rfft(normal(6), 0),
    rfft(normal(2, 5), 1, "ortho"),
    rfft(normal(4, 2), 0, "forward"),
    rfft(normal(1), 0),
    rfft(normal(2), 0),
    rfft(normal(3, 0), 0),
    rfft(normal(60, 2), 0, exhaustive=True),
    irfft(normal(4), 0, 6),
    irfft(normal(2, 3), 1, 5, "ortho"),
    irfft(normal(3, 2), 0, 4, "forward"),
    irfft(normal(1), 0, 1),
    irfft(normal(2), 0, 2),
    irfft(normal(2, 0), 0, 3),
    irfft(normal(31, 4), 0, 60, exhaustive=True),
]
