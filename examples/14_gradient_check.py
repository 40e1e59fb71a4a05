"""Checking a Function's rule against central differences, in float64 and in float32; and what a wrong rule looks like."""

import numpy as np

from gradcheck_cli import Function, verify


class Quadratic(Function):
    """f(x) = a x^2 + b x + c."""

    @staticmethod
    def forward(ctx, x, a, b, c):
        """Keep what the rule reads."""
        ctx.save_for_backward(x, a, b)
        return a * x**2 + b * x + c

    @staticmethod
    def backward(ctx, grad):
        """One gradient for each input."""
        x, a, b = ctx.saved_tensors
        return grad * (2 * a * x + b), grad * x**2, grad * x, grad


class Forgetful(Quadratic):
    """The same, without the term b in df/dx."""

    @staticmethod
    def backward(ctx, grad):
        """Wrong on purpose."""
        x, a, _ = ctx.saved_tensors
        return grad * 2 * a * x, grad * x**2, grad * x, grad


inputs = [np.array(value) for value in (3.0, 2.0, 1.0, 4.0)]
report = verify(Quadratic.apply, inputs)
print("float64:", report.checks[0].verdict, [x.verdict for x in report.checks[0].inputs])

report = verify(Quadratic.apply, [x.astype(np.float32) for x in inputs])
print("float32:", report.checks[0].verdict)

report = verify(Forgetful.apply, inputs)
print("wrong:", report.checks[0].verdict)
for finding in report.checks[0].findings:
    print(finding.code, finding.message)

# prints:
# float64: pass ['pass', 'pass', 'pass', 'pass']
# float32: pass
# wrong: fail
# GC201 the gradient of 'x' is wrong in 1 of 1 entries; worst d out / d x: claimed 12, numeric 13 ± #
