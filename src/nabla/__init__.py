from nabla import errors
import nabla.primitives.operators
import nabla.autodiff.derive
import nabla.engines.numpy.run
from nabla.tensor import Tensor
from nabla.ops.elementwise import *
from nabla.ops.reductions import sum
