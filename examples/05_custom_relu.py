"""A function with a rule of its own: ReLU, which keeps its input for the way back."""

from gradcheck_cli import Function, Tensor, ops


class MyReLU(Function):
    """max(x, 0); its derivative is 1 where x > 0, and 0 elsewhere."""

    @staticmethod
    def forward(ctx, x):
        """Keep the input, for its sign decides."""
        ctx.save_for_backward(x)
        return ops.maximum(x, 0.0)

    @staticmethod
    def backward(ctx, grad_output):
        """Let the cotangent through where the input was positive."""
        (x,) = ctx.saved_tensors
        return grad_output * (x > 0)


x = Tensor([-1.0, 2.0, 0.5], requires_grad=True)
y = MyReLU.apply(x)
print("y =", y.tolist())
print("made by", y.grad_fn)

y.backward(gradient=[1.0, 1.0, 1.0])
print("x.grad =", x.grad.tolist())

# prints:
# y = [0.0, 2.0, 0.5]
# made by <MyReLUBackward>
# x.grad = [0.0, 1.0, 1.0]
