"""The arrays that a case's inputs and constants stand for."""

from __future__ import annotations

from math import prod
from typing import Any
from zlib import crc32

import numpy as np

from gradcheck_cli.errors import Mistake, SpecError
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.model import Constant, InputSpec

Array = np.ndarray[Any, Any]


def constant_value(value: Constant) -> Any:
    """A constant as expressions see it: numbers, booleans and texts as they are, lists as arrays."""
    return np.array(value) if isinstance(value, tuple) else value


def input_value(spec: InputSpec, constants: dict[str, Constant], folder: str, seed: tuple[int, str, str, int]) -> Array:
    """The input's array. `seed` is the run's seed, function, case, and number of the draw; the input's own name is added,
    so that no input's numbers depend on what else a file holds.
    """
    if spec.kind == "literal":
        value = np.array(spec.value, dtype=spec.dtype)
        value = value.reshape(spec.resolved_shape(constants)) if not value.size else value
    elif spec.kind == "file":
        value = _load(spec, folder)
    else:
        value = _draw(spec, spec.resolved_shape(constants), seed)
    _check_domain(spec, value)
    return value


def _draw(spec: InputSpec, shape: tuple[int, ...], seed: tuple[int, str, str, int]) -> Array:
    number, function, case, point = seed
    rng = _generator([number, point, *[crc32(text.encode()) for text in (function, case, spec.name)]])
    value: Any
    if spec.kind == "uniform":
        value = rng.uniform(spec.low, spec.high, shape)
    elif spec.kind == "integers":
        value = rng.integers(int(spec.low), int(spec.high), shape)
    elif spec.kind == "spd":
        value = _positive_definite(rng, shape, spec.condition)
    else:
        value = spec.mean + spec.std * rng.standard_normal(shape)
        if spec.dtype.startswith("complex"):
            value = value + 1j * spec.std * rng.standard_normal(shape)
    value = np.asarray(value).astype(spec.dtype)
    if spec.structure == "symmetric":
        value = (value + np.swapaxes(value, -1, -2)) / 2
    return np.tril(value) if spec.structure == "lower" else value


def _generator(seeds: list[int]) -> np.random.Generator:
    """What `default_rng(seeds)` gives for seeds below 2**64; half of its time it would cut them into words of 32 bits."""
    words = [word for seed in seeds for word in ((seed,) if seed < 1 << 32 else (seed & 0xFFFFFFFF, seed >> 32))]
    return np.random.default_rng(np.array(words, np.uint32))


def _positive_definite(rng: Any, shape: tuple[int, ...], condition: float) -> Array:
    """Symmetric matrices with eigenvalues spread evenly on a log scale from 1/condition to 1."""
    n = shape[-1]
    if not n:
        return np.zeros(shape)
    q = np.linalg.qr(rng.standard_normal(shape))[0]
    eigenvalues = np.geomspace(1.0, 1.0 / condition, n)
    a = (q * eigenvalues) @ np.swapaxes(q, -1, -2)
    return np.asarray((a + np.swapaxes(a, -1, -2)) / 2)


def _load(spec: InputSpec, folder: str) -> Array:
    """An array file beside the spec: its header is read first, and nothing is unpickled."""
    from pathlib import Path

    place = Path(folder)
    try:
        real = (place / str(spec.value)).resolve(strict=True)
        if not real.is_relative_to(place.resolve()) or not real.is_file():
            raise _wrong(spec, f"the file of input '{spec.name}' must be a plain file inside the spec's own folder")
        with real.open("rb") as file:
            _check_header(spec, *_header(spec, file), real.stat().st_size)
            file.seek(0)
            value = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, RuntimeError) as error:  # pathlib has a RuntimeError for links in a circle, up to Python 3.12
        raise _wrong(spec, f"the file of input '{spec.name}' cannot be read: {getattr(error, 'strerror', error)}") from None
    except ValueError as error:
        raise _no_array(spec, error) from None
    if value.dtype.kind == "c" and not spec.dtype.startswith("complex"):
        raise _wrong(spec, f"the file of input '{spec.name}' holds complex numbers; say `dtype: complex128`")
    return np.asarray(value).astype(spec.dtype, copy=False)


def _header(spec: InputSpec, file: Any) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype that the file says it has. Raises SpecError."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    except OSError:
        raise
    except Exception as error:  # NumPy parses the header as Python: whatever its parsers raise
        raise _no_array(spec, error) from None
    return shape, dtype


def _check_header(spec: InputSpec, shape: tuple[int, ...], dtype: Any, size: int) -> None:
    count = prod(int(n) for n in shape)
    if dtype.hasobject or dtype.kind not in "biufc":
        raise _wrong(spec, f"the file of input '{spec.name}' must hold numbers or booleans, not {dtype}")
    if count > limits.INPUT_ELEMENTS:
        message = f"an input has at most {limits.INPUT_ELEMENTS:,} elements; the file says {count:,}"
        raise _wrong(spec, message, limits.hint("INPUT_ELEMENTS", count))
    if count * dtype.itemsize > size:
        raise _wrong(spec, f"the file of input '{spec.name}' is shorter than its header says")


def _no_array(spec: InputSpec, error: Exception) -> SpecError:
    return _wrong(spec, f"the file of input '{spec.name}' is no .npy array: {str(error)[:100]}")


def _check_domain(spec: InputSpec, value: Array) -> None:
    """Refuse values that contradict what the spec says of them."""
    if spec.structure and (value.ndim < 2 or value.shape[-1] != value.shape[-2]):
        raise _wrong(spec, f"structure: {spec.structure} needs square matrices; input '{spec.name}' has shape {value.shape}")
    if spec.structure == "symmetric" and not np.array_equal(value, np.swapaxes(value, -1, -2)):
        raise _wrong(spec, f"input '{spec.name}' must be symmetric, as its structure says")
    if spec.structure == "lower" and not np.array_equal(value, np.tril(value)):
        raise _wrong(spec, f"input '{spec.name}' must be zero above the diagonal, as its structure says")
    if spec.bounds is not None and not np.all((value >= spec.bounds[0]) & (value <= spec.bounds[1])):
        message = (
            f"input '{spec.name}' must lie within its bounds {list(spec.bounds)}; found {np.min(value):g} to {np.max(value):g}"
        )
        raise _wrong(spec, message, "draw from inside: {shape: ..., uniform: [low, high]}")


def _wrong(spec: InputSpec, message: str, hint: str = "") -> SpecError:
    return SpecError([Mistake(spec.location, message, hint)])
