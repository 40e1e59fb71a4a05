"""backward frees the saved values as it goes; retain_graph=True keeps them for a second time."""

from gradcheck_cli import GradcheckError, Tensor

x = Tensor(3.0, requires_grad=True)
y = x**2
y.backward()
try:
    y.backward()
except GradcheckError as error:
    print(f"{type(error).__name__}: {error}")

x.grad = None
y = x**2
y.backward(retain_graph=True)
y.backward()
print("x.grad after two passes:", x.grad.item())

# prints:
# GraphError: trying to backward through the graph a second time, but its saved values have been
#     freed; pass retain_graph=True to the first backward call to keep them
# x.grad after two passes: 12.0
