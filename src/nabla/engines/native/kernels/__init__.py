"""What primitives are in the language of loops. Each file can be read by itself.

formulas.py, complex_numbers.py                 numbers made of others
special_functions.py, special_derivatives.py,
gamma_functions.py, gamma_slopes.py             special functions, of SciPy's and of their own
indexed.py                                      reading and writing parts
products.py, convolution.py, blocks.py          sums of products, in loops or in blocks
scans.py, softmax.py                            along a line
sorting.py, orders.py                           what belongs where
random_bits.py, draws.py                        random numbers
"""
