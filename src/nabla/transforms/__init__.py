"""Functions that take a function and return a function: its derivative, its batched form. And the imperative backward."""
