"""Hooks see and may replace a gradient; anomaly mode names the forward line whose backward gave NaN."""

from pathlib import Path

from gradcheck_cli import GradcheckError, Tensor, detect_anomaly, ops

x = Tensor([1.0, 2.0], requires_grad=True)
y = x * 3.0


def halve(grad):
    """Show the gradient, and give half of it on."""
    print("hook on y sees", grad.tolist())
    return grad * 0.5


handle = y.register_hook(halve)
y.retain_grad()
(y**2).sum().backward()
print("y.grad =", y.grad.tolist(), "x.grad =", x.grad.tolist())

handle.remove()
x.grad = None
((x * 3.0) ** 2).sum().backward()
print("without the hook: x.grad =", x.grad.tolist())

x = Tensor([0.0, 4.0], requires_grad=True)
with detect_anomaly():
    root = ops.sqrt(x)
    y = (root * Tensor([0.0, 1.0])).sum()
    try:
        y.backward()
    except GradcheckError as error:
        print(f"{type(error).__name__}: {error}".replace(f"{Path(__file__).parent}/", ""))

# prints:
# hook on y sees [6.0, 12.0]
# y.grad = [3.0, 6.0] x.grad = [9.0, 18.0]
# without the hook: x.grad = [18.0, 36.0]
# AnomalyError: SqrtBackward gave NaN as the gradient of its input 0
#   the node was made at 17_hooks_and_anomalies.py:29: root = ops.sqrt(x)
