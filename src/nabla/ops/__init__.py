"""Functions on primitives, written once for nodes and handles alike.

A handle, or anything array-like, gives a handle; a node gives a node.
"""
