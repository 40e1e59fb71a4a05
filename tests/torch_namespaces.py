"""The engine and PyTorch under the same names, PyTorch's, so that one script runs on both."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from gradcheck_cli import engine
from gradcheck_cli.engine import ops
from gradcheck_cli.engine.checkpointing import checkpoint
from gradcheck_cli.engine.operators import TABLE


class Engine:
    """The engine; what is not renamed here is called the same in both."""

    Function = engine.Function
    no_grad, enable_grad, set_grad_enabled = engine.no_grad, engine.enable_grad, engine.set_grad_enabled
    is_grad_enabled = staticmethod(engine.is_grad_enabled)
    detect_anomaly = staticmethod(engine.detect_anomaly)
    grad, jacobian, hessian = staticmethod(engine.grad), staticmethod(engine.jacobian), staticmethod(engine.hessian)
    hvp, vjp = staticmethod(engine.hvp), staticmethod(engine.vjp)
    backward = staticmethod(engine.backward)
    checkpoint = staticmethod(checkpoint)

    @staticmethod
    def tensor(data: Any, requires_grad: bool = False, dtype: str | None = None) -> Any:
        return engine.Tensor(np.array(data, dtype=dtype or _kind(data)), requires_grad)

    @staticmethod
    def jvp(f: Any, x: Any, v: Any) -> Any:
        return engine.jvp(f, x, v)

    @staticmethod
    def var(x: Any, axis: Any = None, correction: int = 1, keepdims: bool = False) -> Any:
        return ops.var(x, axis, correction, keepdims)

    @staticmethod
    def std(x: Any, axis: Any = None, correction: int = 1, keepdims: bool = False) -> Any:
        return ops.std(x, axis, correction, keepdims)

    @staticmethod
    def cast(x: Any, dtype: str) -> Any:
        return x.astype(dtype)

    @staticmethod
    def clip(x: Any, min: Any = None, max: Any = None) -> Any:
        return ops.clip(x, min, max)

    def __getattr__(self, name: str) -> Any:
        return getattr(ops, RENAMED.get(name, name))


RENAMED = {"permute": "transpose", "cat": "concatenate", "lgamma": "gammaln", "select_along": "take_along_axis"}


class Torch:
    """PyTorch, on the CPU, in float64 unless a script says otherwise."""

    def __init__(self, torch: Any) -> None:
        from torch.autograd import functional
        from torch.utils.checkpoint import checkpoint as of_torch

        self.torch = torch
        self.Function = torch.autograd.Function
        self.grad, self.backward = torch.autograd.grad, torch.autograd.backward
        self.detect_anomaly = torch.autograd.detect_anomaly
        self.jacobian, self.hessian, self.vjp = functional.jacobian, functional.hessian, functional.vjp
        self.jvp, self.hvp = functional.jvp, functional.hvp
        self._checkpoint = of_torch

    def tensor(self, data: Any, requires_grad: bool = False, dtype: str | None = None) -> Any:
        return self.torch.tensor(np.array(data, dtype=dtype or _kind(data)), requires_grad=requires_grad)

    def checkpoint(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self._checkpoint(function, *args, use_reentrant=False, **kwargs)

    def cast(self, x: Any, dtype: str) -> Any:
        return x.to(getattr(self.torch, dtype))

    def broadcast_to(self, x: Any, shape: Any) -> Any:
        return self.torch.broadcast_to(x, shape)

    def select_along(self, x: Any, index: Any, axis: int) -> Any:
        return self.torch.take_along_dim(x, index, axis)

    def __getattr__(self, name: str) -> Any:
        if name in ("cholesky", "solve"):  # those of torch itself are older functions
            return getattr(self.torch.linalg, name)
        for place in (self.torch, self.torch.linalg, self.torch.special, self.torch.nn.functional):
            if hasattr(place, name):
                return getattr(place, name)
        raise AttributeError(name)


def _kind(data: Any) -> Any:
    """float64, unless the numbers are complex, integers of an array, or booleans."""
    array = np.asarray(data)
    return array.dtype if array.dtype.kind in "bc" or isinstance(data, np.ndarray) else np.float64


def to_array(value: Any) -> Any:
    """What a script returns, with arrays in place of tensors."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, tuple | list):
        return [to_array(part) for part in value]
    if isinstance(value, dict):
        return {name: to_array(part) for name, part in value.items()}
    if hasattr(value, "resolve_conj"):
        return value.detach().resolve_conj().resolve_neg().numpy(force=True).copy()
    return np.array(value.data if isinstance(value, engine.Tensor) else value)


KINDS = {
    "freed": r"backward through the graph a second time|[Ss]aved.*freed",
    "modified": r"modified (in place|by an inplace operation).*version \d+.*expected version \d+",
    "post hook": r"post[ _]accumulate[ _]grad[ _]hooks",
    "leaf in place": r"leaf (tensor|Variable) that requires grad",
    "no graph": r"does not require grad and (does not have a|has no) grad_fn",
    "not a scalar": r"can be implicitly created only for",
    "unused": r"(was not used in the graph|to not have been used in the graph)",
    "wanted of a constant": r"(One of the differentiated Tensors|input \d+) does not require grad",
    "nan": r"(returned nan values|gave NaN)",
    "one of several views": r"(output of a function that returns multiple views|one of several views)",
    "view of no_grad": r"(view was created|it was made) (in no_grad mode|under no_grad)",
    "requires_grad of a result": r"only change requires_grad( flags)? of leaf",
    "retain of a constant": r"can't retain(_|s the | the )grad",
    "hook of a constant": r"cannot register a hook on a tensor that (does not|doesn't) require grad",
    "numpy of a variable": r"[Cc]an't call numpy\(\) on",
    "assigned grad": r"(assigned grad|assign a gradient)",
    "wrong gradient": r"(Mismatch in shape|gradient has shape|invalid gradient|must have the input's shape|gradient must)",
    "count": r"(incorrect number of gradients|must return \d+ gradients"
    r"|[Mm]ismatch in length|got \d+ tensors and \d+ gradients|need \d+ gradients)",
    "only floats": r"([Oo]nly (Tensors of )?floating|only floating)",
    "shapes": r"(must match the size|could not be broadcast|not broadcastable|doesn't match the broadcast shape"
    r"|result has shape|operands could not|shape mismatch|expanded size)",
    "kind of number": r"(result type .* can't be cast|cannot be cast|cannot be written into a tensor of dtype)",
    "shared memory": r"(single memory location|entries share memory)",
    "nothing wanted": r"(requires non-empty inputs|cannot be empty|must not be empty)",
    "detach of a view": r"([Cc]an't detach views in-place|a view cannot be detached in place)",
    "matmul": r"(mat1 and mat2|size mismatch|mismatch in its core dimension)",
    "hook": r"hook.*(has changed the|must keep the gradient's) (size|shape)",
    "out of range": r"(out of (range|bounds))",
    "singular": r"([Ss]ingular)",
    "copy of a result": r"(support the deepcopy protocol|leaf tensors can be deep-copied)",
    "recomputed": r"(recomputed values|compute the same when it runs again|different number of tensors)",
}


def kind_of(error: Exception) -> str:
    """What sort of mistake an error's message is about, in either library's words."""
    text = str(error).replace("\n", " ")
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, text)), f"{type(error).__name__}: {text}")


assert all(name in TABLE for name in RENAMED.values())
