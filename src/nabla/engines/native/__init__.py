"""The native engine: a graph as one function of machine code, through LLVM."""
