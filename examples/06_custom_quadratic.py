"""A rule with four inputs: f(x) = a x^2 + b x + c."""

from gradcheck_cli import Function, Tensor


class Quadratic(Function):
    """One gradient for each input, in the order of forward."""

    @staticmethod
    def forward(ctx, x, a, b, c):
        """Keep what the rule reads."""
        ctx.save_for_backward(x, a, b)
        return a * x**2 + b * x + c

    @staticmethod
    def backward(ctx, grad):
        """df/dx = 2 a x + b, df/da = x^2, df/db = x, df/dc = 1."""
        x, a, b = ctx.saved_tensors
        return grad * (2 * a * x + b), grad * x**2, grad * x, grad


x, a, b, c = (Tensor(value, requires_grad=True) for value in (3.0, 2.0, 1.0, 4.0))
Quadratic.apply(x, a, b, c).backward()
print("df/dx, df/da, df/db, df/dc =", *(t.grad.item() for t in (x, a, b, c)))

# prints:
# df/dx, df/da, df/db, df/dc = 13.0 9.0 3.0 1.0
