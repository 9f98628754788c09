"""The NumPy engine: the reference, and what eager CPU code runs on."""
