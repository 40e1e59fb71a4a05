"""Gradients are added up: a second backward does not replace the first."""

from gradcheck_cli import Tensor

x = Tensor([1.0, 2.0], requires_grad=True)

x.sum().backward()
print("after one backward:", x.grad.tolist())

x.sum().backward()
print("after two:", x.grad.tolist())

x.grad.zero_()
x.sum().backward()
print("after zero_() and one more:", x.grad.tolist())

# prints:
# after one backward: [1.0, 1.0]
# after two: [2.0, 2.0]
# after zero_() and one more: [1.0, 1.0]
