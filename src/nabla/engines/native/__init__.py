"""The native engine: a graph as one function of machine code, through LLVM.

`compile.py` is the road from a graph to a function that Python calls; read it first, then the folders in the order of the road:

    loops.py          the language between graphs and LLVM: numbers in memory, loops over them; checking.py says what holds of it
    lowering/         a graph becomes loops: values.py, writer.py, then graphs.py, which goes through the nodes
    kernels/          what primitives are in loops
    linear_algebra/   the same for matrices: written out for small ones, LAPACK for others
    passes/           loops become better loops, and temporaries get their places in memory
    llvm/             loops become LLVM's assembly
    runtime/          assembly becomes object code, which is kept, called, compiled better in the background, run by many threads

Each folder names its files in the order in which to read them. `print(nabla.jit(f).lower(*args).as_text("loops"))` shows a program,
`"llvm"` and `"assembly"` what becomes of it.
"""
