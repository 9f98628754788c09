"""Functions on primitives, written once for nodes and handles alike: a handle (or anything array-like) gives a handle, a node a node."""
