"""When a graph is built: only where something requires grad, and not under no_grad()."""

from gradcheck_cli import Tensor, is_grad_enabled, no_grad

x = Tensor([1.0, 2.0], requires_grad=True)

with no_grad():
    y = x * 2
    print("under no_grad:", is_grad_enabled(), y.requires_grad, y.grad_fn)

y = x * 2
print("outside:", is_grad_enabled(), y.requires_grad, y.grad_fn)

data = Tensor([1.0, 2.0])
print("an input that needs no gradient:", (data * 2).requires_grad)

d = y.detach()
print("detached:", d.requires_grad, "and the same memory:", d.data is y.data)

# prints:
# under no_grad: False False None
# outside: True True <MulBackward>
# an input that needs no gradient: False
# detached: False and the same memory: True
