"""Complex tensors by PyTorch's convention: for a real L the gradient is dL/da + i dL/db, so a holomorphic f multiplies the
cotangent by conj(f'). Values are PyTorch 2.13's; custom rules, mixed real and complex inputs, and checks of complex rules.
"""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck_cli import Function, GradcheckError, Tensor, grad, ops, verify

Z = np.array([1 + 2j, -0.5 + 0.3j, 0.7 - 1.1j])
W = np.array([0.3 - 0.2j, 1.5 + 1j, -2 + 0.4j])
X = np.array([0.4, -1.3, 2.1])
A = np.array([[1 + 1j, 2 - 1j, 0.5], [0.3j, 1 - 2j, 1], [2, 0.1 + 1j, -1.5j]])


def gradients(f, *arrays):
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    f(*leaves).backward()
    return [x.grad.data for x in leaves]


PYTORCH = {
    "abs": (
        lambda z: ops.sum(ops.abs(z)),
        (Z,),
        [
            [
                0.4472135954999579 + 0.8944271909999159j,
                -0.8574929257125443 + 0.5144957554275266j,
                0.5368754921932592 - 0.8436614877321075j,
            ]
        ],
    ),
    "abs2": (lambda z: ops.sum(ops.real(z * ops.conj(z))), (Z,), [[2 + 4j, -1 + 0.6j, 1.4 - 2.2j]]),
    "imag": (lambda z: ops.sum(ops.imag(z)), (Z,), [[1j, 1j, 1j]]),
    "conj": (lambda z: ops.sum(ops.real(ops.conj(z) * (1 + 2j))), (Z,), [[1 + 2j, 1 + 2j, 1 + 2j]]),
    "the angle": (
        lambda z: ops.sum(ops.imag(ops.log(z))),
        (Z,),
        [[-0.4 + 0.2j, -0.8823529411764707 - 1.4705882352941178j, 0.6470588235294118 + 0.41176470588235287j]],
    ),
    "sqrt": (
        lambda z: ops.sum(ops.real(ops.sqrt(z) * (2 - 1j))),
        (Z,),
        [
            [
                0.39307568887871164 + 0.6360098247570345j,
                -0.28145887500157246 + 1.4368414025090626j,
                0.9784141732927802 - 0.037575810823165155j,
            ]
        ],
    ),
    "tanh": (
        lambda z: ops.sum(ops.abs(ops.tanh(z))),
        (Z,),
        [
            [
                -0.41167833549211647 - 0.4944359976480499j,
                -0.6282039512460963 + 0.5643129517633887j,
                -0.6934227161711032 - 1.0760019676898713j,
            ]
        ],
    ),
    "quotient": (
        lambda z, w: ops.sum(ops.real(z / w)),
        (Z, W),
        [
            [
                2.3076923076923075 - 1.5384615384615385j,
                0.46153846153846156 + 0.3076923076923077j,
                -0.4807692307692307 + 0.09615384615384615j,
            ],
            [
                11.24260355029586 + 13.01775147928994j,
                -0.026035502958579867 + 0.1775147928994083j,
                -0.2570266272189349 - 0.17936390532544375j,
            ],
        ],
    ),
    "by real numbers": (
        lambda z, x: ops.sum(ops.abs(z / x)),
        (Z, X),
        [
            [
                1.118033988749895 + 2.23606797749979j,
                -0.6596099428558032 + 0.3957659657134819j,
                0.25565499628245675 - 0.4017435655867178j,
            ],
            [-13.975424859373685, 0.34502673933995853, -0.2956554378776711],
        ],
    ),
    "powers": (
        lambda z, x: ops.sum(ops.abs(z**3 + x**2)),
        (Z, X),
        [
            [
                6.673344934202236 + 13.43378083002538j,
                0.3726573622825345 + 0.9494874882464875j,
                -1.5497581600986703 + 4.858832127703898j,
            ],
            [-0.7867216866422212, -2.58254239775604, 4.165328128965074],
        ],
    ),
    "from real to complex": (
        lambda x: ops.sum(ops.real(ops.exp(x * (0.3 + 1j)))),
        (X,),
        [[-0.1275199436450161, 0.7067172696678327, -1.9051423550091242]],
    ),
    "complex exponents": (
        lambda z, w: ops.sum(ops.real(ops.power(z, w))),
        (Z, W),
        [
            [
                0.0119952683216357 + 0.2558710665931899j,
                0.022447543309411625 - 0.09962843382660518j,
                1.3416445520249496 + 0.3009494215433043j,
            ],
            [
                0.9600383618787497 - 1.9508806896260105j,
                0.03619975698334755 + 0.07993495830214645j,
                0.6348020572612743 - 0.6559730757742803j,
            ],
        ],
    ),
    "sign": (
        lambda z: ops.sum(ops.real(ops.sign(z) * (1 + 1j))),
        (Z,),
        [
            [
                0.5366563145999494 - 0.2683281572999747j,
                -0.3026445620161924 - 0.5044076033603201j,
                0.19850858534873123 + 0.1263236452219198j,
            ]
        ],
    ),
    "products": (
        lambda z: ops.sum(ops.abs(ops.cumprod(z, 0))),
        (Z,),
        [[1.047981691708064 + 2.095963383416128j, -4.417412472118426 + 2.6504474832710554j, 0.7 - 1.1j]],
    ),
    "determinant": (
        lambda a: ops.abs(ops.det(a)),
        (A,),
        [
            [
                [
                    1.6296280277792194 + 3.633773863502847j,
                    0.39410536239561056 - 1.4990600265936735j,
                    -4.482357574633811 + 1.199737710136218j,
                ],
                [
                    -2.990868891203006 - 2.388975361035375j,
                    1.5778340136053646 - 0.1021754643247875j,
                    4.244001521405728 - 3.950753230246842j,
                ],
                [
                    0.38139228618930066 - 1.4507032515422646j,
                    0.5678036517477496 + 1.1832577965354467j,
                    2.2339229167858226 - 2.204447414174155j,
                ],
            ]
        ],
    ),
    "transposed, not conjugated": (
        lambda a: ops.sum(ops.abs(a @ a.T)),
        (A,),
        [
            [
                [
                    2.9062741144271502 + 0.029048743344636918j,
                    10.081805934995426 - 3.506207349590676j,
                    -1.1678640435887906 - 0.3843317294631228j,
                ],
                [
                    1.5505254260037757 - 1.9956241141614957j,
                    4.8919343947079845 - 9.543603478180493j,
                    -0.7409818288494076 + 0.22489231656565734j,
                ],
                [
                    6.668098506808259 + 0.39638192513425197j,
                    4.337973686850454 + 6.2484658138330715j,
                    1.9469088367990948 + 3.507610577471361j,
                ],
            ]
        ],
    ),
}


@pytest.mark.parametrize("name", PYTORCH)
def test_gradients_are_those_of_pytorch(name):
    f, arrays, expected = PYTORCH[name]
    for found, value, x in zip(gradients(f, *arrays), expected, arrays, strict=True):
        assert found.dtype == x.dtype, "the gradient of a real input is real"
        assert np.allclose(found, value, rtol=1e-13, atol=1e-14)
        if np.any(np.imag(value)):
            assert not np.allclose(found, np.conj(value), rtol=1e-3)


def test_the_gradient_is_da_plus_i_db():
    """L(a + ib) = a^3 b by hand."""
    (g,) = gradients(lambda z: ops.sum(ops.real(z) ** 3 * ops.imag(z)), Z)
    a, b = Z.real, Z.imag
    assert np.allclose(g, 3 * a**2 * b + 1j * a**3, rtol=1e-14)


def test_cotangents():
    z = Tensor(Z, requires_grad=True)
    (z * z).backward(gradient=W)
    assert np.allclose(z.grad.data, W * np.conj(2 * Z), rtol=1e-15)
    with pytest.raises(GradcheckError, match="only for real scalar outputs"):
        ops.sum(z).backward()
    with pytest.raises(GradcheckError, match="gradient must be real, as the output is"):
        ops.abs(z).backward(gradient=W)
    w = Tensor(Z, requires_grad=True)
    (w * w).backward(gradient=X)
    assert np.allclose(w.grad.data, X * np.conj(2 * Z), rtol=1e-15)


class Square(Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z * z

    @staticmethod
    def backward(ctx, g):
        (z,) = ctx.saved_tensors
        return g * ops.conj(2 * z)


class NotConjugated(Square):
    @staticmethod
    def backward(ctx, g):
        (z,) = ctx.saved_tensors
        return g * 2 * z


class Scaled(Function):
    """z x, of which x is real."""

    @staticmethod
    def forward(ctx, z, x):
        ctx.save_for_backward(z, x)
        return z * x

    @staticmethod
    def backward(ctx, g):
        z, x = ctx.saved_tensors
        return g * x, ops.real(g * ops.conj(z))


def test_custom_functions_get_and_give_what_pytorch_does():
    def f(square):
        return lambda z, w: ops.sum(ops.abs(square(z) * w + z))

    own, table = gradients(f(Square.apply), Z, W), gradients(f(lambda z: z * z), Z, W)
    assert all(np.allclose(a, b, rtol=1e-14) for a, b in zip(own, table, strict=True))
    z = Tensor(Z, requires_grad=True)
    (g,) = grad(ops.sum(ops.real(Square.apply(z) * W)), z, create_graph=True)
    assert np.allclose(g.data, np.conj(2 * Z * W), rtol=1e-15)
    (h,) = grad(ops.sum(ops.real(g)), z)  # sum of Re(2 z w) by z
    assert np.allclose(h.data, np.conj(2 * W), rtol=1e-15)


def test_right_rules_pass():
    assert verify(Square, [Z], order=2).ok
    assert verify(Scaled, [Z, X]).ok
    assert verify(lambda z, x: (ops.abs(z * x), ops.imag(ops.exp(z))), [Z, X]).ok
    assert verify(np.exp, [Z], backward=lambda g, z: g * np.conj(np.exp(z))).ok
    assert verify(np.exp, [Z.astype(np.complex64)], backward=lambda g, z: g * np.conj(np.exp(z))).ok
    assert verify(lambda x: np.exp(1j * x), [X], backward=lambda g, x: np.real(g * np.conj(1j * np.exp(1j * x)))).ok


def failing(report):
    return [f for f in report.checks[0].findings if f.verdict == "fail"]


@pytest.mark.parametrize(
    "report",
    [
        lambda: verify(NotConjugated, [Z]),
        lambda: verify(np.exp, [Z], backward=lambda g, z: g * np.exp(z)),
        lambda: verify(np.abs, [Z], backward=lambda g, z: g * np.conj(z) / np.abs(z)),
        lambda: verify(lambda z, x: z * x, [Z, X], backward=lambda g, z, x: (g * x, np.real(g * z))),
        lambda: verify(lambda a, b: a @ b, [A, A + 1j], backward=lambda g, a, b: (g @ b.T, np.conj(a).T @ g)),
    ],
)
def test_a_missing_conjugate_is_found_and_named(report):
    (finding,) = failing(report())
    assert finding.code == "GC201"
    assert [d.cause for d in finding.diagnosis] == ["conjugate"]
    assert "has to be conjugated" in finding.diagnosis[0].message


@pytest.mark.parametrize("error", [1e-6, 1e-6j])
@pytest.mark.parametrize("place", [0, 2])
def test_small_errors_in_either_part_are_found(error, place):
    factor = np.ones(3, complex)
    factor[place] += error
    report = verify(np.exp, [Z], backward=lambda g, z: g * np.conj(np.exp(z)) * factor)
    (finding,) = failing(report)
    assert finding.code == "GC201"
    assert {e.input_index for e in report.checks[0].inputs[0].mismatches} == {(place,)}


@pytest.mark.parametrize(("rule", "wrong"), [(lambda g, z: 2 * g + 2j * g, "re"), (lambda g, z: 3 * g + 3j * g, "im")])
def test_both_directions_of_a_number_are_checked(rule, wrong):
    """Rules that are right along one of the axes only."""
    report = verify(lambda z: 3 * z.real + 2 * z.imag, [Z], backward=rule)
    assert {e.part for e in report.checks[0].inputs[0].mismatches} == {wrong}
    assert verify(lambda z: 3 * z.real + 2 * z.imag, [Z], backward=lambda g, z: 3 * g + 2j * g).ok


@pytest.mark.parametrize(
    ("rule", "input_name", "message"),
    [
        (lambda g, z, x: (g * x, g * np.conj(z)), "x", "must have the input's dtype float64, but has complex128"),
        (lambda g, z, x: (np.real(g * x), np.real(g * np.conj(z))), "z", "dtype complex128, but has float64"),
    ],
)
def test_gradients_have_their_inputs_kind(rule, input_name, message):
    (finding,) = failing(verify(lambda z, x: z * x, [Z, X], backward=rule))
    assert (finding.code, finding.input_name) == ("GC103", input_name)
    assert message in finding.message


SPEC = """
functions:
  f:
    inputs: {z: {value: [1+2j, 0.5-1j, -0.3+0.7j], dtype: complex128}, x: [0.3, -0.7, 1.1]}
    forward: FORWARD
    backward: {RULE}
"""


@pytest.mark.parametrize(
    ("forward", "rule", "codes", "causes"),
    [
        ("exp(z) * x", "z: grad * x * conj(exp(z)), x: real(grad * conj(exp(z)))", [], []),
        ("exp(z) * x", "z: grad * x * exp(z), x: real(grad * conj(exp(z)))", ["GC201"], ["conjugate"]),
        ("exp(z) * x", "z: grad * x * conj(exp(z)), x: real(grad * exp(z))", ["GC201"], ["conjugate"]),
        ("abs(z) + x", "z: grad * z / abs(z), x: grad", [], []),
        ("abs(z) + x", "z: grad * conj(z) / abs(z), x: grad", ["GC201"], ["conjugate"]),
        ("imag(z) * x", "z: grad * x * 1j, x: grad * imag(z)", [], []),
        ("imag(z) * x", "z: grad * x, x: grad * imag(z)", ["GC103"], []),
        ("real(z * conj(z)) * x", "z: 2 * grad * x * z, x: grad * abs(z)**2", [], []),
        ("real(z * conj(z)) * x", "z: 2.000002 * grad * x * z, x: grad * abs(z)**2", ["GC201"], None),
        ("exp(z) * x", "z: grad * x * conj(exp(z)), x: grad * conj(exp(z))", ["GC103"], []),
    ],
)
def test_specs(tmp_path, forward, rule, codes, causes):
    path = tmp_path / "f.yaml"
    path.write_text(SPEC.replace("FORWARD", forward).replace("RULE", rule))
    found = failing(verify(path))
    assert [f.code for f in found] == codes
    named = [d.cause for f in found for d in f.diagnosis]
    assert causes is None or (named == causes if not causes else causes[0] in named)


def test_parts_are_attributes_as_in_numpy():
    z = Tensor(np.array([1.0 + 2.0j]), requires_grad=True)
    (z.real * 3.0 + z.imag * 5.0).sum().backward()
    assert np.array_equal(z.grad.data, [3.0 + 5.0j])
