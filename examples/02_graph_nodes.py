"""What the forward leaves behind: nodes, from the result towards the leaves."""

from gradcheck_cli import Tensor

x = Tensor(2.0, requires_grad=True)
w = Tensor(3.0, requires_grad=True)
b = Tensor(1.0, requires_grad=True)
y = w * x + b
z = y**2

print("z:", z.grad_fn)
print("z's inputs:", z.grad_fn.next_functions)
((add, _),) = z.grad_fn.next_functions
print("y's inputs:", add.next_functions)
(mul, _), (leaf_b, _) = add.next_functions
print("w * x's inputs:", mul.next_functions)
print("b's node accumulates into b:", leaf_b.variable is b)
print("leaves:", x.is_leaf, w.is_leaf, b.is_leaf, "- y and z:", y.is_leaf, z.is_leaf)

# prints:
# z: <PowerBackward>
# z's inputs: ((<AddBackward>, 0),)
# y's inputs: ((<MulBackward>, 0), (<AccumulateGrad>, 0))
# w * x's inputs: ((<AccumulateGrad>, 0), (<AccumulateGrad>, 0))
# b's node accumulates into b: True
# leaves: True True True - y and z: False False
