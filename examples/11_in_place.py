"""In-place operations: refused on leaves that require grad, and noticed where backward needs the old value."""

from pathlib import Path

from gradcheck_cli import GradcheckError, Tensor, no_grad, ops

x = Tensor([1.0, 2.0], requires_grad=True)
try:
    x += 1
except GradcheckError as error:
    print(f"{type(error).__name__}: {error}")

y = ops.exp(x)
with no_grad():
    y += 1
try:
    y.sum().backward()
except GradcheckError as error:
    print(f"{type(error).__name__}: {error}".replace(f"{Path(__file__).parent}/", ""))

with no_grad():
    x += 1
print("under no_grad a leaf may be updated:", x.tolist(), "version", x._version)

# prints:
# InPlaceError: a leaf tensor that requires grad cannot be modified in place: its history would be lost
#   hint: update parameters inside no_grad(), or work on a clone()
# InPlaceError: a value that ExpBackward saved for backward has been modified in place: 'y', float64 of shape (2,), is
#     at version 1, expected version 0
#   modified at 11_in_place.py:15: y += 1
#   hint: write the operation out of place (y = y + 1, not y += 1), or modify a clone() of the tensor
# under no_grad a leaf may be updated: [2.0, 3.0] version 1
