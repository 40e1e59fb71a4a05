"""A batch of 8 in 4 micro-batches, each loss divided by 4: the gradients add up to the whole batch's."""

import numpy as np

from gradcheck_cli import Tensor

rng = np.random.default_rng(0)
inputs, targets = rng.standard_normal((8, 3)), rng.standard_normal((8, 1))


def loss(w, x, t):
    """Mean squared error of a linear model."""
    return ((Tensor(x) @ w - Tensor(t)) ** 2).mean()


whole = Tensor(np.ones((3, 1)), requires_grad=True)
loss(whole, inputs, targets).backward()

parts = Tensor(np.ones((3, 1)), requires_grad=True)
for x, t in zip(np.split(inputs, 4), np.split(targets, 4), strict=True):
    (loss(parts, x, t) / 4).backward()

print("equal to rounding:", bool(np.allclose(whole.grad.data, parts.grad.data, rtol=1e-14)))

# prints:
# equal to rounding: True
