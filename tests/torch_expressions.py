"""Expressions that are evaluated on the engine and on PyTorch alike; `t` is the library (`torch_namespaces.py`)."""

from __future__ import annotations

EXPRESSIONS = {
    "op": """\
x + p
x - p
x * p
x / p
-x
x % p
abs(x)
t.sign(x)
t.floor(x)
t.ceil(x)
x**2
x**3
x**-1
x**0
p**1.5
p**x
2.0**x
t.maximum(x, u)
t.minimum(x, u)
t.where(x > 0, x * x, p)
t.clip(x, -0.5, 0.5)
t.relu(x)
t.sigmoid(x)
t.softplus(x)
t.tanh(x)
t.sinh(x)
t.cosh(x)
t.sin(x)
t.cos(x)
t.tan(u)
t.arcsin(u)
t.arccos(u)
t.arctan(x)
t.arctan2(x, p)
t.arcsinh(x)
t.arccosh(1.0 + p)
t.arctanh(u)
t.exp(x)
t.exp2(x)
t.expm1(x)
t.log(p)
t.log2(p)
t.log10(p)
t.log1p(p)
t.sqrt(p)
t.square(x)
t.reciprocal(p)
t.hypot(x, p)
t.logaddexp(x, p)
t.xlogy(x, p)
t.sinc(x)
t.erf(x)
t.erfc(x)
t.erfinv(u)
t.i0e(x)
t.log_ndtr(x)
t.logsumexp(x, axis=1)
t.logsumexp(k, axis=(0, -1), keepdims=True)
t.softmax(x, -1)
t.softmax(k, 1)
t.log_softmax(x, 0)
t.sum(x)
t.sum(k, axis=1)
t.sum(k, axis=(0, -1))
t.sum(k, axis=-2, keepdims=True)
t.mean(x)
t.mean(k, axis=(1, 2), keepdims=True)
t.prod(x)
t.prod(k, axis=-1)
t.amax(x, axis=1)
t.amin(k, axis=(0, 2))
t.var(x, axis=0)
t.var(k, axis=(0, -1), correction=0)
t.std(x, axis=-1, keepdims=True)
t.cumsum(x, axis=1)
t.cumprod(x, axis=-1)
t.norm(y)
t.matmul(x, m)
m @ y
y @ m
y @ q
b @ m
k[0].T @ m
b @ y
t.outer(y, q)
t.kron(x, m)
t.inv(m)
t.inv(b)
t.det(m)
t.slogdet(b)[1]
t.solve(m, n)
t.solve(b, m)
t.cholesky(m @ m.T)
t.eigvalsh(m @ m.T)
t.trace(m)
t.einsum('ij,jk->ik', x, m)
t.einsum('bij,bjk->bi', b, b)
t.einsum('ij->', x)
t.einsum('ii->i', m)""",
    "broadcasting": """\
x + y
x - c
y * c
c / q
x * s
s - k[0, 0, 0]
x * y * c * s
k * y[:, None]
k + c[:, :, None]
one * y
one + s
e + y
e * c[:1]
t.exp(e).sum(axis=0)
t.maximum(x, y)
t.minimum(c, y)
t.where(x > 0, y, c)
q**c
t.hypot(y, c)
t.arctan2(c, q)
t.clip(x, min=c, max=c + 1.0)
t.logaddexp(s, y)
t.broadcast_to(y, (2, 3)) * x
t.broadcast_to(c, (4, 2, 3))
t.broadcast_to(s, (2, 2))
t.xlogy(y, c**2)
x + 1
2 - x
1.5 / p""",
    "views": """\
x.reshape(3, 2) * n
x.reshape(-1)
k.reshape(2, -1)
x.T @ c
k.swapaxes(0, 2)
t.permute(k, (2, 0, 1))
t.moveaxis(k, 0, -1)
k.mT
t.squeeze(one)
x[0]
x[-1, 1]
x[:, 1:]
x[..., 0]
x[None]
x[:, None, ::2]
k[1, :, 2]
k[0, ..., None, 1:3]
k[:, -2:][0]
x[[0, 1, 1]]
x[:, [2, 0]]
x[[0, 1], [1, 2]]
k[[0, 1], :, [1, 2]]
k[1, [0, 2, 2], 1:]
k[:, [0, 2], [1, 3]]
x[x > 0]
x[np.array([True, False])]
k[np.array([[True, False, True], [False, False, True]])]
y[np.array([[0, 1], [2, 0]])]
x[0:0]
y[[0, 0, 0, 1]] * y[[2, 2, 1, 1]]
t.flip(x, (0,))
t.roll(x, 1, 1)
t.roll(k, (1, 2), (0, 2))
t.tile(y, (2, 2))
t.diag(y)
t.diag(m, 1)
t.diagonal(k, 0, 1, 2)
t.tril(m)
t.triu(m, 1)
t.cat([x, x * 2.0], 0)
t.cat([x, c], -1)
t.stack([y, q, y * q])
t.stack([y, q], -1)
t.split(k, 2, 2)[1] * 2.0
t.select_along(x, t.argsort(x, 1), 1)
t.argsort(x, 1) * x
t.cat([e, x])""",
    "complex": """\
z * w
z + y
z * y
y / z
z / w
z**2
z**-1
t.exp(z)
t.log(z)
t.sqrt(z)
t.sin(z)
t.tanh(z)
t.abs(z)
t.abs(z) ** 2
t.real(z)
t.imag(z) * y
t.conj(z) * z
h @ h.mT
z @ h
h @ w
t.inv(h)
t.det(h)
t.solve(h, w)
z.sum(axis=0)
t.prod(w)
t.mean(z, axis=1)
z[:, [0, 2]]
t.sigmoid(z)
t.cumsum(z, axis=1)
t.sign(t.real(w))
x**w
w**y""",
    "kink": """\
t.relu(o)
abs(o)
t.sign(o)
t.sqrt(o)
t.maximum(o, o * 1.0)
t.maximum(o, 0.0 * o)
t.minimum(o, 0.0 * o)
t.amax(o)
t.amin(o, axis=0)
t.amax(o, axis=0, keepdims=True)
t.clip(o, -1.0, 2.0)
t.clip(o, 0.0, 1.0)
t.clip(o, 2.0, 1.0)
t.norm(o * 0.0)
t.norm(o)
o**0
o**1
o**2
o**0.5
t.square(o) ** 0.5
o**o
t.log(o)
1.0 / o
o / o
t.prod(o)
t.cumprod(o, axis=0)
t.arctan2(o, o)
t.where(o > 0, t.sqrt(o), o)
t.logsumexp(o * np.inf, axis=0)
t.softmax(o * 1e6, 0)
t.log_softmax(o * 1e6, 0)
t.sinc(o)
t.std(o * 0.0, axis=0)
o % 2.0
t.arcsin(o / 2.0)
t.floor(o)
o * float('nan')
t.exp(o * 1e3)
t.sigmoid(o * 1e3)
t.tanh(o * 1e3)
t.softplus(o * 1e3)
t.logaddexp(o * 1e4, -o)
t.lgamma(o)
t.lgamma(p)
t.erfinv(o)
t.expm1(o * 1e3)
t.log1p(o)""",
}
"""By group; the names in them are those of `POINTS` in test_torch.py."""

NOT_TWICE = ("kink",)
"""Groups that are compared to first order only: at kinks, and of lgamma, whose second derivative has nine digits there."""
