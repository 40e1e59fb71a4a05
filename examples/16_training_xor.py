"""A hand-written linear layer, trained on XOR: no line separates it, so the loss stops at 0.25; two layers solve it.

The linear layer starts where torch.randn does after torch.manual_seed(0), so that the losses are those of PyTorch.
"""

import numpy as np

from gradcheck_cli import Function, Tensor, no_grad, ops


class Linear(Function):
    """x @ W + b."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        """Keep what the rule reads."""
        ctx.save_for_backward(x, weight)
        return x @ weight + bias

    @staticmethod
    def backward(ctx, grad_output):
        """The bias was repeated for every row, so its gradient is summed over them."""
        x, weight = ctx.saved_tensors
        return grad_output @ weight.T, x.T @ grad_output, grad_output.sum(axis=0)


X = Tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = Tensor([[0.0], [1.0], [1.0], [0.0]])


def train(model, parameters, rate, steps, show):
    """Gradient descent by hand; prints the loss at some steps, and returns the last one."""
    for step in range(steps):
        loss = ((model(X) - Y) ** 2).mean()
        loss.backward()
        if step in show:
            print(f"step {step:>4}  loss {loss.item():.3f}")
        with no_grad():
            for p in parameters:
                p -= rate * p.grad
                p.grad.zero_()
    return ((model(X) - Y) ** 2).mean().item()


print("one linear layer")
W = Tensor([[1.5409960746765137], [-0.293428897857666]], requires_grad=True)
b = Tensor([-2.1787893772125244], requires_grad=True)
last = train(lambda x: Linear.apply(x, W, b), [W, b], 0.01, 1000, (0, 100, 900))
print(f"after 1000 steps {last:.3f}; the best that a linear model can do is 0.250")

print("two layers with tanh")
rng = np.random.default_rng(0)
W1, W2 = (Tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((2, 4), (4, 1)))
b1, b2 = Tensor(np.zeros(4), requires_grad=True), Tensor(np.zeros(1), requires_grad=True)


def network(x):
    """Two linear layers, and tanh between them."""
    return Linear.apply(ops.tanh(Linear.apply(x, W1, b1)), W2, b2)


last = train(network, [W1, b1, W2, b2], 0.1, 2000, (0, 500))
print("solved:", last < 1e-3, "with outputs", [round(abs(v), 1) for (v,) in network(X).tolist()])

# prints:
# one linear layer
# step    0  loss 5.088
# step  100  loss 0.891
# step  900  loss 0.253
# after 1000 steps 0.252; the best that a linear model can do is 0.250
# two layers with tanh
# step    0  loss 1.128
# step  500  loss 0.000
# solved: True with outputs [0.0, 1.0, 1.0, 0.0]
