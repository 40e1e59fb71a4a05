"""For an output that is no scalar, backward needs a cotangent: it computes v' J, never J itself."""

from gradcheck_cli import GradcheckError, Tensor, ops

x = Tensor([1.0, 2.0], requires_grad=True)
y = ops.stack([x[0] ** 2, x[1] ** 3])

try:
    y.backward()
except GradcheckError as error:
    print(f"{type(error).__name__}: {error}")

y.backward(gradient=[1.0, 0.5])
print("v' J =", x.grad.tolist())

# prints:
# GraphError: grad can be implicitly created only for real scalar outputs, this one has shape
#     (2,) and dtype float64; pass gradient= of that shape
# v' J = [2.0, 6.0]
