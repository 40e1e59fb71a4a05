"""A tensor that does not require grad has no graph to go back through."""

from gradcheck_cli import GradcheckError, Tensor

x = Tensor([1.0, 2.0])
y = (x**2).sum()
try:
    y.backward()
except GradcheckError as error:
    print(f"{type(error).__name__}: {error}")

# prints:
# GraphError: this tensor does not require grad and has no grad_fn: there is nothing to differentiate
