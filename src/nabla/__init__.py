"""Nabla differentiates numerical Python programs: tensors, a NumPy-shaped namespace, and transforms that compose."""

import nabla.autodiff.derive
import nabla.engines.numpy.run
import nabla.primitives.operators
from nabla import errors, tree
from nabla.dtypes import *  # noqa
from nabla.dtypes import default_dtype, set_default_dtype, using_default_dtype
from nabla.errors import *  # noqa
from nabla.ops.collectives import axis_index, axis_size, pmax, pmean, pmin, psum
from nabla.ops.elementwise import *  # noqa
from nabla.ops.reductions import *  # noqa
from nabla.show import make_graph, show, to_dot
from nabla.tensor import Tensor
from nabla.transforms.backward import backward
from nabla.transforms.grad import grad, value_and_grad
from nabla.transforms.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from nabla.transforms.jvp import jvp
from nabla.transforms.no_grad import detach, no_grad
from nabla.transforms.vjp import vjp
from nabla.transforms.vmap import vmap
from nabla.tree import register_dataclass

__version__ = "0.1.0"
