"""The graph: nodes, the tokens of live transforms, and walks over them."""
