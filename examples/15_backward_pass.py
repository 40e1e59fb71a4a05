"""The order of the backward pass: each node once, after all of its users; saved values go as it passes."""

from gradcheck_cli import Function, Tensor, graph_stats


class Traced(Function):
    """The identity, which says when it is passed."""

    @staticmethod
    def forward(ctx, x, name):
        """Remember the name."""
        ctx.name = name
        return x * 1.0

    @staticmethod
    def backward(ctx, grad):
        """Say who is passed, and with what."""
        print(f"  {ctx.name}: {grad.item()}")
        return grad, None


x = Tensor(2.0, requires_grad=True)
shared = Traced.apply(x * x, "shared")
left = Traced.apply(shared * 3.0, "left")
right = Traced.apply(shared * 4.0, "right")
z = left + right
print("nodes:", graph_stats([z]).nodes, "of which the shared one is passed once:")
z.backward()
print("x.grad =", x.grad.item(), "= (3 + 4) 2 x")

# A chain of diamonds has 2^60 ways from its end to its start; each node is passed once all the same.
y = x = Tensor(1.0, requires_grad=True)
for _ in range(60):
    y = y + y
y.backward()
print("60 diamonds: x.grad = 2^60 is", x.grad.item() == 2.0**60)

# A long chain needs no recursion.
y = x = Tensor(1.0, requires_grad=True)
for _ in range(100_000):
    y = y + 1.0
y.backward()
print("100,000 nodes: x.grad =", x.grad.item())

# prints:
# nodes: 8 of which the shared one is passed once:
#   right: 1.0
#   left: 1.0
#   shared: 7.0
# x.grad = 28.0 = (3 + 4) 2 x
# 60 diamonds: x.grad = 2^60 is True
# 100,000 nodes: x.grad = 1.0
