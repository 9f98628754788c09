"""A graph becomes loops.

values.py     what a tensor is meanwhile: a few numbers, numbers in memory, or a recipe for each number
writer.py     writes statements, and makes one kind of tensor of another
recipes.py    what makes recipes of recipes: elementwise functions, broadcasts, transposes, reductions
lines.py      going along some axes of tensors, line by line
reals.py      formulas with Python's operators
graphs.py     goes through the nodes of a graph; the tables of what there is for each primitive
control.py    loops and branches of graphs
"""
