"""Products of arrays."""

from rows.row import normal

from operators.operator import Operator

OPERATORS = [
    Operator("matmul", [normal(3, 4), normal(4, 2)]),
    Operator("matmul", [normal(2, 3, 4), normal(4)]),
    Operator("dot", [normal(3, 4), normal(4, 2)]),
    Operator("inner", [normal(3, 4), normal(2, 4)]),
    Operator("outer", [normal(3), normal(2)]),
    Operator("vdot", [normal(3), normal(3)]),
    Operator("vecdot", [normal(2, 3), normal(3)]),
    Operator("matvec", [normal(2, 3, 4), normal(4)]),
    Operator("vecmat", [normal(2, 3), normal(3, 4)]),
    Operator("kron", [normal(2, 3), normal(2)]),
    Operator("cross", [normal(2, 3), normal(3)]),
    Operator("tensordot", [normal(2, 3, 4), normal(3, 4)]),
    Operator("tensordot", [normal(3, 4), normal(4, 2)], {"axes": 1}),
    Operator("einsum", [normal(3, 4), normal(4, 3)], call=lambda f, x, y: f("ij,ji->j", x, y)),
]
