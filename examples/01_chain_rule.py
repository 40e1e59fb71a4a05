"""The chain rule: z = (w x + b)^2, differentiated by walking back through the graph that the forward left.

dz/dx = 2 (w x + b) w, dz/dw = 2 (w x + b) x, dz/db = 2 (w x + b).
"""

from gradcheck_cli import Tensor

x = Tensor(2.0, requires_grad=True)
w = Tensor(3.0, requires_grad=True)
b = Tensor(1.0, requires_grad=True)

y = w * x + b
z = y**2
print("z =", z.item())
print("before backward: x.grad =", x.grad)

z.backward()
print("dz/dx =", x.grad.item())
print("dz/dw =", w.grad.item())
print("dz/db =", b.grad.item())

# prints:
# z = 49.0
# before backward: x.grad = None
# dz/dx = 42.0
# dz/dw = 28.0
# dz/db = 14.0
