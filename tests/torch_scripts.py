"""Scripts that run on the engine and on PyTorch alike; `t` is the library, by PyTorch's names (`torch_namespaces.py`).

A script returns what is to be compared. One that ends in an error is compared by the kind of the error.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np


def leaf(t: Any, *data: Any) -> Any:
    return t.tensor(data[0] if len(data) == 1 else list(data), requires_grad=True)


def caught(run: Any) -> str:
    """The kind of error that a part of a script ends in."""
    from torch_namespaces import kind_of

    try:
        run()
    except Exception as error:
        return kind_of(error)
    return "no error"


# Accumulation.


def accumulation_of_two_passes(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    x.sum().backward()
    first = x.grad.clone()
    (x * x).sum().backward()
    return first, x.grad


def accumulation_by_the_function(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    t.backward((x * x).sum())
    t.backward(x * x, t.tensor([1.0, 10.0]))
    t.backward([x.sum(), (x * x).sum()])
    t.backward([x.sum(), x * x], [None, t.tensor([1.0, 1.0])])
    t.backward((x.sum(),), inputs=[x])
    return x.grad


def accumulation_in_a_leaf_frozen_by_its_attribute(t: Any) -> Any:
    x, w = leaf(t, 1.0, 2.0), t.tensor([3.0, 4.0])
    w.requires_grad = True
    (x * w).sum().backward()
    w.requires_grad = False
    (x * w).sum().backward()
    return x.grad, w.grad, (w * 2.0).requires_grad


def accumulation_after_zero(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    (x**2).sum().backward()
    x.grad.zero_()
    (x**3).sum().backward()
    return x.grad


def accumulation_after_none(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    (x**2).sum().backward()
    x.grad = None
    (x**3).sum().backward()
    return x.grad


def accumulation_of_one_leaf_used_often(t: Any) -> Any:
    x = leaf(t, 0.5)
    y = x
    for _ in range(20):
        y = y * x + y
    y.backward()
    return y, x.grad


def accumulation_into_the_same_array(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    x.sum().backward()
    kept = x.grad
    (3.0 * x).sum().backward()
    return kept, kept is x.grad


def accumulation_of_two_leaves_of_one_sum(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    (x + y).backward(t.tensor([1.0, 10.0]))
    x.grad.mul_(2.0)
    return x.grad, y.grad


def accumulation_with_create_graph(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    (x**3).sum().backward(create_graph=True)
    first = x.grad.clone()
    (x.grad**2).sum().backward()
    return first, x.grad


def accumulation_to_chosen_inputs(t: Any) -> Any:
    x, y = leaf(t, 2.0), leaf(t, 3.0)
    (x * y * y).backward(inputs=[y])
    return x.grad, y.grad


def accumulation_of_micro_batches(t: Any) -> Any:
    rng = np.random.default_rng(3)
    data, goal, w = rng.normal(size=(8, 3)), rng.normal(size=8), leaf(t, rng.normal(size=3))
    for k in range(0, 8, 2):
        (((t.tensor(data[k : k + 2]) @ w - t.tensor(goal[k : k + 2])) ** 2).mean() / 4).backward()
    return w.grad


def accumulation_from_several_outputs(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y, z = x * 2.0, x * x
    t.backward([y.sum(), z], [None, t.tensor([1.0, -1.0])])
    return x.grad


def accumulation_of_float32(t: Any) -> Any:
    x = t.tensor([1.0, 2.0], requires_grad=True, dtype="float32")
    y = t.tensor([3.0, 4.0], requires_grad=True)
    (x * y).sum().backward()
    return (x * y), x.grad, y.grad


def accumulation_assigned_by_hand(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    x.grad = t.tensor([10.0, 20.0])
    (x * x).sum().backward()
    return x.grad


def accumulation_in_a_training_loop(t: Any) -> Any:
    w, b = leaf(t, 0.5, -0.5), leaf(t, 0.1)
    x, goal = t.tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]]), t.tensor([1.0, 0.0, -1.0])
    losses = []
    for _ in range(50):
        loss = ((t.tanh(x @ w + b) - goal) ** 2).mean()
        losses.append(loss.item())
        loss.backward()
        with t.no_grad():
            w -= 0.1 * w.grad
            b -= 0.1 * b.grad
            w.grad.zero_()
            b.grad.zero_()
    return losses, w, b


# Freed graphs.


def freeing_second_pass_is_an_error(t: Any) -> Any:
    x = leaf(t, 3.0)
    y = x * x
    y.backward()
    return caught(y.backward), x.grad


def freeing_retained(t: Any) -> Any:
    x = leaf(t, 3.0)
    y = t.exp(x) * x
    y.backward(retain_graph=True)
    y.backward()
    return x.grad, caught(y.backward)


def freeing_nothing_saved(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = (x + 1.0).sum()
    y.backward()
    y.backward()
    return x.grad


def freeing_shared_part(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    shared = t.exp(x)
    first, second = (shared * 2.0).sum(), (shared * 3.0).sum()
    first.backward()
    return x.grad.clone(), caught(second.backward), x.grad


def freeing_shared_part_that_saves_nothing(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    shared = x + x
    (shared * 2.0).sum().backward()
    (shared * 3.0).sum().backward()
    return x.grad


def freeing_by_grad(t: Any) -> Any:
    x = leaf(t, 2.0)
    y = x**3
    (g,) = t.grad(y, [x])
    return g, caught(lambda: t.grad(y, [x]))


def freeing_not_with_create_graph(t: Any) -> Any:
    x = leaf(t, 2.0)
    y = x**3
    (g,) = t.grad(y, [x], create_graph=True)
    (h,) = t.grad(y, [x])
    return g, h


def freeing_create_graph_without_retaining(t: Any) -> Any:
    x = leaf(t, 2.0)
    y = x**3
    (g,) = t.grad(y, [x], create_graph=True, retain_graph=False)
    return g, caught(lambda: t.grad(y, [x]))


def freeing_only_the_way_down(t: Any) -> Any:
    x, w = leaf(t, 2.0), leaf(t, 3.0)
    a, b = x * x, w * w
    y = a + b
    t.grad(y, [x])
    return caught(lambda: t.grad(y, [x])), caught(lambda: t.grad(y, [w]))


def freeing_of_a_functions_saved_tensors(t: Any) -> Any:
    x = leaf(t, 2.0)
    y = _cube(t).apply(x)
    y.backward()
    return x.grad, caught(y.backward)


def freeing_reductions(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    return [caught(lambda y=y: (y.backward(), y.backward())) for y in (x.sum(), x.mean(), t.prod(x), t.amax(x), t.norm(x))]


def freeing_views(t: Any) -> Any:
    x = leaf(t, [[1.0, 2.0], [3.0, 4.0]])
    ends = [x.reshape(4)[0], x.T[0, 1], x[1, 1], x[[0, 1], [1, 0]].sum(), x[:, None, 0].sum()]
    return [caught(lambda y=y: (y.backward(), y.backward())) for y in ends]


# Errors at the start.


def error_no_graph(t: Any) -> Any:
    (t.tensor([1.0, 2.0]) * 3.0).sum().backward()


def error_not_a_scalar(t: Any) -> Any:
    (leaf(t, 1.0, 2.0) * 3.0).backward()


def error_complex_scalar(t: Any) -> Any:
    (t.tensor([1.0 + 2.0j], requires_grad=True).sum() * 3.0).backward()


def error_one_entry_is_a_scalar(t: Any) -> Any:
    x = leaf(t, [[2.0]])
    (x * x).backward()
    return x.grad


def error_shape_of_the_gradient(t: Any) -> Any:
    (leaf(t, 1.0, 2.0) * 3.0).backward(t.tensor([1.0, 2.0, 3.0]))


def error_unused(t: Any) -> Any:
    x, y = leaf(t, 1.0), leaf(t, 2.0)
    allowed = t.grad(x * 2.0, [x, y], allow_unused=True)
    return allowed, caught(lambda: t.grad(x * 2.0, [x, y]))


def error_input_that_is_constant(t: Any) -> Any:
    t.grad(leaf(t, 1.0) * 2.0, [t.tensor(3.0)])


def error_integers_cannot_require_grad(t: Any) -> Any:
    t.tensor(np.array([1, 2]), requires_grad=True)


def error_requires_grad_of_a_result(t: Any) -> Any:
    (leaf(t, 1.0) * 2.0).requires_grad_(False)


def error_requires_grad_set_on_a_result(t: Any) -> Any:
    y = leaf(t, 1.0) * 2.0
    y.requires_grad = True
    y.requires_grad = False


def error_requires_grad_set_on_integers(t: Any) -> Any:
    x = t.tensor(np.array([1, 2]))
    x.requires_grad = False
    x.requires_grad = True


def error_requires_grad_set_on_a_view_that_was_overtaken(t: Any) -> Any:
    y = leaf(t, 1.0, 2.0) * 1.0
    v = y[0]
    y.mul_(2.0)
    v.requires_grad = False


def error_grad_that_is_a_number(t: Any) -> Any:
    leaf(t, 1.0, 2.0).grad = 3.0


def error_grad_of_another_shape(t: Any) -> Any:
    leaf(t, 1.0, 2.0).grad = t.tensor([1.0])


def error_grad_of_another_dtype(t: Any) -> Any:
    leaf(t, 1.0, 2.0).grad = t.tensor([1.0, 2.0], dtype="float32")


def error_gradients_of_nothing(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    return caught(lambda: t.grad((x * x).sum(), [])), caught(lambda: t.backward((x * x).sum(), inputs=[]))


def error_backward_of_several_with_one_gradient(t: Any) -> Any:
    x = leaf(t, 1.0)
    t.backward([x * x, x * 2.0], t.tensor(1.0))


def error_numpy_of_a_variable(t: Any) -> Any:
    leaf(t, 1.0).numpy()


def error_shapes_that_do_not_broadcast(t: Any) -> Any:
    return leaf(t, 1.0, 2.0) + leaf(t, 1.0, 2.0, 3.0)


def error_matrices_that_do_not_fit(t: Any) -> Any:
    return leaf(t, [[1.0, 2.0]]) @ leaf(t, [[1.0, 2.0]])


def error_index_out_of_range(t: Any) -> Any:
    return leaf(t, 1.0, 2.0)[2]


def error_singular_matrix(t: Any) -> Any:
    return t.inv(leaf(t, [[1.0, 2.0], [2.0, 4.0]]))


# Modes.


def mode_no_grad(t: Any) -> Any:
    x = leaf(t, 2.0)
    with t.no_grad():
        y = x * 3.0
        inside = t.is_grad_enabled()
    return y.requires_grad, inside, t.is_grad_enabled(), y.is_leaf, y


def mode_nested(t: Any) -> Any:
    x = leaf(t, 2.0)
    with t.no_grad(), t.enable_grad():
        y = x * 3.0
        with t.set_grad_enabled(False):
            z = x * 4.0
    return y.requires_grad, z.requires_grad


def mode_decorator(t: Any) -> Any:
    x = leaf(t, 2.0)
    return t.no_grad()(lambda: (x * x).requires_grad)()


def mode_decorator_without_parentheses(t: Any) -> Any:
    x = leaf(t, 2.0)

    @t.no_grad
    def quiet() -> Any:
        return (x * x).requires_grad, t.enable_grad(lambda: (x * x).requires_grad)()

    return quiet(), quiet.__name__


def mode_of_a_generator(t: Any) -> Any:
    """Its body runs in the mode, what stands between its steps does not."""
    x, seen = leaf(t, 2.0), []

    @t.no_grad()
    def steps(n: int) -> Any:
        try:
            for k in range(n):
                seen.append(((yield (x * k).requires_grad), t.is_grad_enabled()))
        except ValueError:
            seen.append(("caught", t.is_grad_enabled()))
            yield 5
        finally:
            seen.append(("end", t.is_grad_enabled()))
        return "done"

    def asking() -> Any:
        seen.append((yield from steps(1)))

    for inside in steps(2):
        seen.append((inside, t.is_grad_enabled()))
    walk = steps(3)
    seen += [next(walk), walk.send("sent"), walk.throw(ValueError()), t.is_grad_enabled()]
    walk.close()
    return [str(part) for part in (*seen, *asking(), *seen, t.is_grad_enabled())]


def mode_of_a_generator_that_raises(t: Any) -> Any:
    @t.no_grad()
    def steps() -> Any:
        yield 1
        raise KeyError("mine")

    walk = steps()
    next(walk)
    try:
        next(walk)
    except KeyError as error:
        return str(error), t.is_grad_enabled()


def mode_set_by_a_call(t: Any) -> Any:
    x = leaf(t, 2.0)
    before = t.is_grad_enabled()
    t.set_grad_enabled(False)
    try:
        off = (x * 2.0).requires_grad
        with t.set_grad_enabled(True):
            on = (x * 2.0).requires_grad
        off_again = t.is_grad_enabled()
    finally:
        t.set_grad_enabled(True)
    return before, off, on, off_again, t.is_grad_enabled()


def mode_set_by_a_decorator(t: Any) -> Any:
    @t.set_grad_enabled(False)
    def quiet() -> bool:
        return t.is_grad_enabled()

    return t.is_grad_enabled(), quiet(), t.is_grad_enabled()


def mode_set_before_with(t: Any) -> Any:
    manager = t.set_grad_enabled(False)
    with manager:
        inside = t.is_grad_enabled()
    return inside, t.is_grad_enabled()


def mode_constant_part(t: Any) -> Any:
    x = leaf(t, 2.0)
    with t.no_grad():
        weight = t.exp(x)
    y = weight * x
    y.backward()
    return x.grad


def mode_detach(t: Any) -> Any:
    x = leaf(t, 2.0, 3.0)
    y = x * x
    z = (y * y.detach()).sum()
    z.backward()
    return z, x.grad, y.detach().requires_grad, y.detach().is_leaf


def mode_detach_in_place(t: Any) -> Any:
    x = leaf(t, 2.0, 3.0)
    y = x * x
    y.detach_()
    return y.requires_grad, y.is_leaf, (y * x).sum().backward(), x.grad


def mode_detach_a_view_in_place(t: Any) -> Any:
    (leaf(t, 2.0, 3.0) * 2.0)[0].detach_()


def mode_leaves(t: Any) -> Any:
    x, y = leaf(t, 1.0), t.tensor(2.0)
    found = [x, y, x * y, y * y, x.detach(), x.clone(), y.clone()]
    return [(f.is_leaf, f.requires_grad) for f in found]


def mode_requires_grad_later(t: Any) -> Any:
    x = t.tensor([1.0, 2.0])
    before = x * 2.0
    x.requires_grad_()
    after = (x * x).sum()
    after.backward()
    return before.requires_grad, x.grad


def mode_frozen(t: Any) -> Any:
    x, w = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    w.requires_grad_(False)
    (x * w).sum().backward()
    return x.grad, w.grad


# Modification in place.


def in_place_on_a_leaf(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    return caught(lambda: x.add_(1.0)), caught(lambda: x[0].add_(1.0)), caught(x.zero_), x


def in_place_on_a_leaf_by_assignment(t: Any) -> Any:
    leaf(t, 1.0, 2.0)[0] = 3.0


def in_place_update_of_a_leaf(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    (x * x).sum().backward()
    with t.no_grad():
        x -= 0.5 * x.grad
    return x, x.is_leaf, x.requires_grad, x._version


def in_place_saved_value_under_no_grad(t: Any) -> Any:
    y = leaf(t, 1.0, 2.0) * 1.0
    z = (y * y).sum()
    with t.no_grad():
        y.add_(1.0)
    z.backward()


def in_place_saved_value(t: Any) -> Any:
    y = leaf(t, 1.0, 2.0) * 1.0
    z = (y * y).sum()
    y.mul_(2.0)
    z.backward()


def in_place_saved_result(t: Any) -> Any:
    y = t.exp(leaf(t, 1.0, 2.0))
    y += 1.0
    y.sum().backward()


def in_place_saved_leaf(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = (x * x).sum()
    with t.no_grad():
        x.add_(1.0)
    y.backward()


def in_place_through_detached(t: Any) -> Any:
    y = leaf(t, 1.0, 2.0) * 1.0
    z = (y * y).sum()
    y.detach().zero_()
    z.backward()


def in_place_through_a_view_of_what_is_saved(t: Any) -> Any:
    y = leaf(t, 1.0, 2.0) * 1.0
    view = y[0]
    z = (y * y).sum()
    view.add_(1.0)
    z.backward()


def in_place_base_of_a_saved_view(t: Any) -> Any:
    y = leaf(t, 1.0, 2.0) * 1.0
    z = (y[0] * y[0]).sum()
    y.add_(1.0)
    z.backward()


def in_place_on_what_is_not_needed(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 1.0
    z = (y + 1.0).sum() + (y * 3.0).sum()
    y.mul_(7.0)
    z.backward()
    return x.grad, y._version


def in_place_chain(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2.0
    y.add_(x).mul_(3.0).sub_(1.0).div_(x.detach())
    y.sum().backward()
    return y, x.grad


def in_place_augmented(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x.clone()
    y += x
    y *= 3.0
    y -= 1.0
    y /= 2.0
    y **= 2
    (y * x).sum().backward()
    return y, x.grad, y._version


def in_place_functions(t: Any) -> Any:
    x = leaf(t, 0.3, 0.8)
    y = x * 1.0
    for name in ("sin_", "cos_", "neg_", "abs_", "square_", "sqrt_", "log1p_", "sinh_", "relu_", "floor_"):
        getattr(y, name)()
    y.add_(x)
    y.sum().backward()
    return y, x.grad


def in_place_results_that_are_saved(t: Any) -> Any:
    x = leaf(t, 0.3, 0.8)
    y = x * 1.0
    y.exp_().reciprocal_().sqrt_()
    y.sum().backward()
    return y, x.grad


def in_place_joins_the_graph(t: Any) -> Any:
    x, buffer = leaf(t, 1.0, 2.0), t.tensor([10.0, 20.0])
    buffer.add_(x * x)
    buffer.mul_(x)
    buffer.sum().backward()
    return buffer, x.grad, buffer.is_leaf


def in_place_rows(t: Any) -> Any:
    x, buffer = leaf(t, 1.0, 2.0), t.tensor(np.zeros((3, 2)))
    for k in range(3):
        buffer[k] = x * (k + 1.0)
    (buffer**2).sum().backward()
    return buffer, x.grad


def in_place_row_addition(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = t.tensor(np.ones((2, 2))) * x
    y[0] += x * x
    y[:, 1] *= 3.0
    (y * t.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    return y, x.grad


def in_place_transposed(t: Any) -> Any:
    x = leaf(t, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    y = x * 1.0
    y.T[1] *= 10.0
    y.T[0].sin_()
    (y * x).sum().backward()
    return y, x.grad


def in_place_reshaped(t: Any) -> Any:
    x = leaf(t, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    y = x * 1.0
    y.reshape(6)[1:4].mul_(x.reshape(6)[2:5])
    y.sum().backward()
    return y, x.grad


def in_place_view_of_a_view(t: Any) -> Any:
    x = leaf(t, np.arange(24.0).reshape(2, 3, 4) / 10.0)
    y = x * 1.0
    y[1][:, 1:].T[2][0:2].mul_(x[0, 0, 0] + 2.0)
    y.sum().backward()
    return y, x.grad


def in_place_view_sees_the_base(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0, 3.0)
    y = x * 1.0
    view = y[1:]
    y.mul_(x)
    (view * view).sum().backward()
    return view, x.grad


def in_place_view_sees_another_view(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0, 3.0)
    y = x * 1.0
    first, second = y[:2], y[1:]
    first.mul_(3.0)
    second.add_(x[0])
    (first * first).sum().backward()
    return first, second, x.grad


def in_place_base_sees_the_view(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0, 3.0)
    y = x * 1.0
    y[1:].mul_(y[:2].clone())
    (y * y).sum().backward()
    return y, x.grad


def in_place_copy(t: Any) -> Any:
    x, v = leaf(t, 1.0, 2.0, 3.0), leaf(t, 5.0)
    y = x * 2.0
    y.copy_(v)
    y[0].copy_(x[1] * v)
    (y * x).sum().backward()
    return y, x.grad, v.grad


def in_place_zero_and_fill(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0, 3.0)
    y = x * x
    y[0].zero_()
    y[1:2].fill_(7.0)
    y.sum().backward()
    return y, x.grad


def in_place_by_index_list(t: Any) -> Any:
    x, v = leaf(t, 1.0, 2.0, 3.0), leaf(t, 5.0, 6.0)
    y = x * 1.0
    y[[2, 0]] = v * x[1]
    (y * y).sum().backward()
    return y, x.grad, v.grad


def in_place_by_mask(t: Any) -> Any:
    x, v = leaf(t, 1.0, -2.0, 3.0), leaf(t, 5.0)
    y = x * x
    y[x > 0] = v
    (y * x).sum().backward()
    return y, x.grad, v.grad


def in_place_by_mask_augmented(t: Any) -> Any:
    x = leaf(t, 1.0, -2.0, 3.0)
    y = x * x
    y[x > 0] *= 10.0
    (y * x).sum().backward()
    return y, x.grad


def in_place_broadcast_value(t: Any) -> Any:
    x, v = leaf(t, np.ones((2, 3))), leaf(t, 1.0, 2.0, 3.0)
    y = x * 2.0
    y[:] = v
    y[0, 1:] = v[0]
    (y * y).sum().backward()
    return y, x.grad, v.grad


def in_place_result_of_another_shape(t: Any) -> Any:
    (leaf(t, 1.0, 2.0) * 1.0).add_(t.tensor(np.ones((2, 2))))


def in_place_result_of_another_kind(t: Any) -> Any:
    (leaf(t, 1.0, 2.0) * 1.0).mul_(t.tensor([1j, 2j]))


def in_place_on_a_broadcast_tensor(t: Any) -> Any:
    t.broadcast_to(leaf(t, 1.0, 2.0) * 1.0, (3, 2)).add_(1.0)


def in_place_on_one_of_several_views(t: Any) -> Any:
    y = leaf(t, 1.0, 2.0, 3.0, 4.0) * 1.0
    t.split(y, 2)[0].add_(1.0)


def in_place_on_a_view_made_under_no_grad(t: Any) -> Any:
    y = leaf(t, 1.0, 2.0) * 1.0
    with t.no_grad():
        view = y[0]
    view.mul_(leaf(t, 2.0))


def in_place_keeps_float32(t: Any) -> Any:
    x = t.tensor([1.0, 2.0], requires_grad=True, dtype="float32")
    y = x * 1.0
    y.mul_(t.tensor([3.0, 4.0]))
    y.sum().backward()
    return y, x.grad


def in_place_twice_differentiated(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * x
    y[0] *= x[1]
    y[:].add_(x**3)
    (g,) = t.grad((y * y).sum(), [x], create_graph=True)
    return g, t.grad(g.sum(), [x])


def in_place_complex(t: Any) -> Any:
    z = t.tensor([1.0 + 2.0j, 3.0 - 1.0j], requires_grad=True)
    y = z * z
    y[0] *= 2j
    y.add_(z)
    t.real(y * t.conj(y)).sum().backward()
    return y, z.grad


def in_place_versions(t: Any) -> Any:
    x = t.tensor([1.0, 2.0])
    view, other = x[:1], x.detach()
    x.add_(1.0)
    view.mul_(2.0)
    other.zero_()
    return x._version, view._version, other._version, x.clone()._version, x


def in_place_freed_then_modified(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 1.0
    z = (y * y).sum()
    z.backward(retain_graph=True)
    y.add_(1.0)
    return x.grad, caught(z.backward)


def in_place_retained_gradient(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2.0
    y.retain_grad()
    y.mul_(x)
    y.sum().backward()
    return y.grad, x.grad


def in_place_on_the_gradient(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    (x * x).sum().backward()
    x.grad.mul_(0.5)
    (x * x).sum().backward()
    return x.grad


# Hooks.


def hook_sees(t: Any) -> Any:
    x, seen = leaf(t, 1.0, 2.0), []
    y = x * 3.0
    y.register_hook(lambda g: seen.append(g.clone()))
    (y * y).sum().backward()
    return seen, x.grad


def hook_replaces(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 3.0
    y.register_hook(lambda g: g * 10.0)
    y.register_hook(lambda g: g + 1.0)
    y.sum().backward()
    return x.grad


def hook_of_a_leaf(t: Any) -> Any:
    x, seen = leaf(t, 1.0, 2.0), []
    x.register_hook(lambda g: seen.append(g.clone()))
    x.register_hook(lambda g: -g)
    (x * x + x).sum().backward()
    return seen, x.grad


def hook_removed(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    first, second = x.register_hook(lambda g: g * 10.0), x.register_hook(lambda g: g + 1.0)
    x.sum().backward()
    first.remove()
    x.sum().backward()
    second.remove()
    x.sum().backward()
    return x.grad


def hook_sees_the_sum(t: Any) -> Any:
    x, seen = leaf(t, 2.0), []
    y = x * x
    y.register_hook(lambda g: seen.append(g.clone()))
    (y * 3.0 + t.sin(y) + y * y).backward()
    return seen, x.grad


def hook_of_a_tensor_modified_later(t: Any) -> Any:
    x, seen = leaf(t, 2.0), []
    y = x * 1.0
    y.register_hook(lambda g: seen.append(g.clone()))
    y.mul_(5.0)
    y.backward()
    return seen, x.grad


def hook_of_the_output(t: Any) -> Any:
    x = leaf(t, 2.0)
    y = x * x
    y.register_hook(lambda g: g * 4.0)
    y.backward()
    return x.grad


def hook_with_grad(t: Any) -> Any:
    x = leaf(t, 2.0)
    y = x * x
    y.register_hook(lambda g: g * 4.0)
    x.register_hook(lambda g: g + 100.0)
    return t.grad(y * 3.0, [x], retain_graph=True), t.grad(y * 3.0, [y])


def hook_not_on_the_way(t: Any) -> Any:
    x, w, seen = leaf(t, 2.0), leaf(t, 3.0), []
    w.register_hook(lambda g: seen.append(g.clone()))
    t.grad(x * w, [x])
    return seen


def hook_with_create_graph(t: Any) -> Any:
    x = leaf(t, 2.0)
    y = x**3
    y.register_hook(lambda g: g * x)
    (g,) = t.grad(y, [x], create_graph=True)
    return g, t.grad(g, [x])


def hook_of_a_view(t: Any) -> Any:
    x, seen = leaf(t, 1.0, 2.0, 3.0), []
    y = x * 2.0
    y[1:].register_hook(lambda g: seen.append(g.clone()))
    view = y[:2]
    view.register_hook(lambda g: g * 7.0)
    (view * view).sum().backward()
    return seen, x.grad


def hook_that_changes_the_shape(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2.0
    y.register_hook(lambda g: g[:1])
    y.sum().backward()


def hook_of_a_constant(t: Any) -> Any:
    t.tensor([1.0]).register_hook(lambda g: g)


def hook_after_accumulation(t: Any) -> Any:
    x, seen = leaf(t, 1.0, 2.0), []
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.clone()))
    x.sum().backward()
    (x * x).sum().backward()
    return seen


def hook_after_accumulation_of_a_result(t: Any) -> Any:
    (leaf(t, 1.0) * 2.0).register_post_accumulate_grad_hook(print)


def hook_that_steps(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)

    def step(leaf: Any) -> None:
        with t.no_grad():
            leaf -= 0.1 * leaf.grad
        leaf.grad = None

    x.register_post_accumulate_grad_hook(step)
    for _ in range(3):
        (x * x).sum().backward()
    return x, x.grad


def hook_of_a_node(t: Any) -> Any:
    x, seen = leaf(t, 1.0, 2.0), []
    y = x * 3.0
    y.grad_fn.register_hook(lambda into, out: seen.append([g.clone() for g in (*into, *out) if g is not None]))
    (y * y).sum().backward()
    return seen


def hook_before_a_node(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 3.0
    y.grad_fn.register_prehook(lambda out: (out[0] * 2.0,))
    y.sum().backward()
    return x.grad


def hook_retain_grad(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 3.0
    y.retain_grad()
    z = y * y
    z.retain_grad()
    z.sum().backward()
    return y.grad, z.grad, y.retains_grad, x.retains_grad, x.grad


def hook_retain_grad_twice(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 3.0
    y.retain_grad()
    y.retain_grad()
    (y * y).sum().backward(retain_graph=True)
    (y * 5.0).sum().backward()
    return y.grad


def hook_order_of_retaining_and_replacing(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 3.0
    y.retain_grad()
    y.register_hook(lambda g: g * 2.0)
    y.sum().backward()
    return y.grad, x.grad


def hook_retain_grad_of_a_constant(t: Any) -> Any:
    t.tensor([1.0]).retain_grad()


def hook_of_a_complex_tensor(t: Any) -> Any:
    z, seen = t.tensor([1.0 + 2.0j], requires_grad=True), []
    y = z * z
    y.register_hook(lambda g: seen.append(g.clone()))
    (t.abs(y) ** 2).sum().backward()
    return seen, z.grad


# Anomaly mode.


def anomaly_nan(t: Any) -> Any:
    x = leaf(t, 0.0, 1.0)
    with t.detect_anomaly():
        (t.sqrt(x) * 0.0).sum().backward()


def anomaly_none(t: Any) -> Any:
    x = leaf(t, 0.5, 1.0)
    with t.detect_anomaly():
        t.sqrt(x).sum().backward()
    return x.grad


def anomaly_unchecked(t: Any) -> Any:
    x = leaf(t, 0.0, 1.0)
    with t.detect_anomaly(check_nan=False):
        (t.sqrt(x) * 0.0).sum().backward()
    return x.grad


# Higher order.


def higher_third_derivative(t: Any) -> Any:
    x, found = leaf(t, 0.7), []
    y = t.sin(x) * t.exp(x)
    for _ in range(4):
        (y,) = t.grad(y, [x], create_graph=True)
        found.append(y)
    return found


def higher_gradient_penalty(t: Any) -> Any:
    rng = np.random.default_rng(5)
    w, v, x = leaf(t, rng.normal(size=(3, 4))), leaf(t, rng.normal(size=4)), leaf(t, rng.normal(size=(5, 3)))
    y = t.tanh(x @ w) @ v
    (g,) = t.grad(y.sum(), [x], create_graph=True)
    ((g**2).sum(axis=1).sqrt() - 1.0).square().mean().backward()
    return w.grad, v.grad, x.grad


def higher_hessian(t: Any) -> Any:
    return t.hessian(lambda x: (x[0] ** 2 * x[1] + t.exp(x[1] * x[2])).sum(), t.tensor([0.5, -0.3, 1.2]))


def higher_jacobian(t: Any) -> Any:
    return t.jacobian(lambda x, y: (t.outer(x, y), x.sum()), (t.tensor([1.0, 2.0]), t.tensor([3.0, 4.0, 5.0])))


def higher_hvp(t: Any) -> Any:
    return t.hvp(lambda x: (t.sin(x) * x.sum()).sum(), t.tensor([0.5, -0.3]), t.tensor([1.0, 2.0]))


def higher_vjp(t: Any) -> Any:
    return t.vjp(lambda x: t.cumprod(x, 0), t.tensor([0.5, -0.3, 2.0]), t.tensor([1.0, 2.0, 3.0]))


def higher_jvp(t: Any) -> Any:
    points, along = (t.tensor([[0.5, -0.3]]), t.tensor([2.0, 1.0])), (t.tensor([[1.0, 2.0]]), t.tensor([3.0, 4.0]))
    return t.jvp(lambda x, y: x @ y, points, along)


def higher_with_respect_to_the_cotangent(t: Any) -> Any:
    x, v = leaf(t, 0.5, 1.5), leaf(t, 1.0, 1.0)
    (g,) = t.grad(t.exp(x) * x, [x], v, create_graph=True)
    return t.grad(g, [v], t.tensor([2.0, 3.0]))


def higher_of_a_linear_function(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    (g,) = t.grad((3.0 * x).sum(), [x], create_graph=True)
    return g, g.requires_grad


def higher_through_a_custom_function(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    (g,) = t.grad(_cube(t).apply(x * x).sum(), [x], create_graph=True)
    return g, t.grad(g.sum(), [x])


def higher_mixed(t: Any) -> Any:
    x, y = leaf(t, 0.5), leaf(t, 1.5)
    (g,) = t.grad(x**2 * y**3, [x], create_graph=True)
    (h,) = t.grad(g, [y], create_graph=True)
    return g, h, t.grad(h, [x, y])


def higher_of_several_outputs(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    return t.grad([x.sum() ** 2, t.sin(x)], [x], [None, t.tensor([1.0, 2.0])])


# Checkpoints.


def checkpoint_two_segments(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    segment = lambda a: t.sin(t.exp(t.tanh(a)))  # noqa: E731
    y = t.checkpoint(segment, t.checkpoint(segment, x))
    (y * y).sum().backward()
    return y, x.grad


def checkpoint_closure(t: Any) -> Any:
    x, w = leaf(t, 0.5, 1.5), leaf(t, 2.0)
    t.checkpoint(lambda a: t.exp(a * w), x).sum().backward()
    return x.grad, w.grad


def checkpoint_counts(t: Any) -> Any:
    x, runs = leaf(t, 0.5, 1.5), []

    def segment(a: Any) -> Any:
        runs.append(1)
        return t.exp(a) * a

    y = t.checkpoint(segment, x)
    forward = len(runs)
    y.sum().backward()
    return forward, len(runs), x.grad


def checkpoint_nested(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    inner = lambda a: t.exp(t.sin(a))  # noqa: E731
    t.checkpoint(lambda a: t.checkpoint(inner, a * 2.0) * a, x).sum().backward()
    return x.grad


def checkpoint_several_results(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    a, b = t.checkpoint(lambda x: (t.exp(x), x * x), x)
    (a.sum() + (b * a).sum()).backward()
    return x.grad


def checkpoint_result_not_used(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    a, _ = t.checkpoint(lambda x: (t.exp(x), x * x), x)
    a.sum().backward()
    return x.grad


def checkpoint_second_order(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    (g,) = t.grad(t.checkpoint(lambda x: t.exp(x) * x, x).sum(), [x], create_graph=True)
    return g, t.grad(g.sum(), [x])


def checkpoint_freed(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    y = t.checkpoint(lambda x: t.exp(x) * x, x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


def checkpoint_of_a_constant(t: Any) -> Any:
    y = t.checkpoint(lambda x: t.exp(x), t.tensor([1.0]))
    return y, y.requires_grad


def checkpoint_under_no_grad(t: Any) -> Any:
    x = leaf(t, 0.5)
    with t.no_grad():
        return t.checkpoint(lambda x: t.exp(x), x).requires_grad


def checkpoint_returns_its_input(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    a, b = t.checkpoint(lambda x: (x, x * x), x)
    (a * b).sum().backward()
    return x.grad


def checkpoint_with_keywords(t: Any) -> Any:
    x, w = leaf(t, 0.5, 1.5), leaf(t, 2.0)
    t.checkpoint(lambda x, scale=None: t.exp(x * scale), x, scale=w).sum().backward()
    return x.grad, w.grad


def checkpoint_in_place_inside(t: Any) -> Any:
    def segment(x: Any) -> Any:
        y = x * 2.0
        y[0] *= 3.0
        return y.add_(x)

    x = leaf(t, 0.5, 1.5)
    (t.checkpoint(segment, x) ** 2).sum().backward()
    return x.grad


def checkpoint_custom_function_inside(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    t.checkpoint(lambda x: t.sin(_cube(t).apply(x)), x).sum().backward()
    return x.grad


def checkpoint_many(t: Any) -> Any:
    y = x = leaf(t, 0.5, 1.5)
    for _ in range(20):
        y = t.checkpoint(lambda a: t.sin(a) + a, y)
    y.sum().backward()
    return y, x.grad


def checkpoint_hooks_inside(t: Any) -> Any:
    def segment(x: Any) -> Any:
        y = x * 2.0
        y.register_hook(lambda g: g * 10.0)
        return y * y

    x = leaf(t, 0.5, 1.5)
    t.checkpoint(segment, x).sum().backward()
    return x.grad


def checkpoint_retains_a_gradient_inside(t: Any) -> Any:
    x, kept = leaf(t, 0.5, 1.5), []

    def segment(x: Any) -> Any:
        y = t.exp(x)
        y.retain_grad()
        kept.append(y)
        return t.exp(y)

    t.checkpoint(segment, x).sum().backward()
    return x.grad, [y.grad for y in kept]


def checkpoint_grad_inside(t: Any) -> Any:
    def segment(x: Any) -> Any:
        (g,) = t.grad((x**3).sum(), [x], create_graph=True)
        (h,) = t.grad((x**4).sum(), [x])
        return g * x * h

    x = leaf(t, 0.5, 1.5)
    t.checkpoint(segment, x).sum().backward()
    return x.grad


def checkpoint_backward_inside(t: Any) -> Any:
    x, w = leaf(t, 0.5, 1.5), leaf(t, 2.0, 3.0)

    def segment(x: Any) -> Any:
        (t.exp(w) * w).sum().backward()
        return t.exp(x)

    t.checkpoint(segment, x).sum().backward()
    return x.grad, w.grad


def checkpoint_requires_grad_inside(t: Any) -> Any:
    x, seen = leaf(t, 0.5, 1.5), []

    def segment(x: Any) -> Any:
        y = t.exp(x)
        seen.append((y.requires_grad, t.is_grad_enabled()))
        return y * x

    t.checkpoint(segment, x).sum().backward()
    return seen


def checkpoint_requires_grad_of_each_result(t: Any) -> Any:
    x = leaf(t, 0.5)

    def segment(x: Any) -> Any:
        with t.no_grad():
            hidden = t.exp(x)
        return t.exp(x), hidden, t.ones_like(x), t.tensor([1.0]) * 3.0

    return [y.requires_grad for y in t.checkpoint(segment, x)]


def checkpoint_result_is_a_view(t: Any) -> Any:
    found = []
    for view in (lambda a: a[0:1], lambda a: a, lambda a: a.reshape(2, 1), lambda a: t.exp(a)[0:1]):
        x = leaf(t, 1.0, 2.0)
        y = x * x
        v = t.checkpoint(view, y)
        v.mul_(3.0)
        (y.sum() + (v * v).sum()).backward()
        found.append((y, v, x.grad))
    return found


def checkpoint_result_modified(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    y = t.checkpoint(lambda a: t.exp(a), x)
    y.mul_(2.0)
    (y * y).sum().backward()
    return y, x.grad


def checkpoint_modifies_a_leaf(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    return caught(lambda: t.checkpoint(lambda a: a.add_(1.0), x)), x


def checkpoint_modifies_its_argument(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    y = x * 1.0
    z = t.checkpoint(lambda a: t.exp(a.mul_(2.0)), y)
    return y, z, caught(lambda: z.sum().backward())


def checkpoint_modifies_a_constant_argument(t: Any) -> Any:
    x, total = leaf(t, 0.5, 1.5), t.tensor([0.0, 0.0])

    def segment(x: Any, total: Any) -> Any:
        with t.no_grad():
            total += x
        return t.exp(x)

    y = t.checkpoint(segment, x, total)
    return total, caught(lambda: y.sum().backward())


def checkpoint_modifies_its_argument_without_need_of_it(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    y = x * 1.0
    t.checkpoint(lambda a: a.add_(1.0), y).sum().backward()
    return y, x.grad


def checkpoint_argument_modified_later(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    y = x * 1.0
    z = t.checkpoint(lambda a: t.exp(a), y)
    y.add_(1.0)
    z.sum().backward()
    return x.grad


def checkpoint_second_backward(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    sums = [t.checkpoint(f, x).sum() for f in (lambda a: a + 1.0, lambda a: t.exp(a))]
    for y in sums:
        y.backward()
    return [caught(y.backward) for y in sums], x.grad


def checkpoint_runs(t: Any) -> Any:
    """A segment that saves nothing does not run again, one whose graph is retained runs for every backward."""
    x, runs = leaf(t, 0.5, 1.5), []
    for f in (lambda a: a + 1.0, lambda a: t.exp(a)):
        y = t.checkpoint(lambda a, f=f: (runs.append(1), f(a))[1], x).sum()
        for _ in range(3):
            y.backward(retain_graph=True)
        runs.append(len(runs))
    return runs, x.grad


def checkpoint_intermediate_value_leaks(t: Any) -> Any:
    x, kept = leaf(t, 0.5, 1.5), []
    y = t.checkpoint(lambda a: (kept.append(t.exp(a)), t.exp(kept[-1]))[1], x).sum()
    first = t.grad(y, [kept[0], x], retain_graph=True)
    (y + kept[0].sum()).backward()
    return first, x.grad, caught(kept[0].sum().backward)


def checkpoint_second_order_of_a_closure(t: Any) -> Any:
    x, w = leaf(t, 0.5, 1.5), leaf(t, 2.0)
    y = t.checkpoint(lambda a: t.checkpoint(lambda b: t.sin(b * w), a * a) * w, x).sum()
    (g,) = t.grad(y, [x], create_graph=True)
    (g * g).sum().backward()
    return x.grad, w.grad


def checkpoint_second_order_of_a_custom_function(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    y = t.checkpoint(lambda x: t.sin(_cube(t).apply(t.exp(x))), x).sum()
    (g,) = t.grad(y, [x], create_graph=True)
    return g, t.grad(g.sum(), [x])


def checkpoint_three_deep(t: Any) -> Any:
    x, w = leaf(t, 0.5, 1.5), leaf(t, 2.0)
    inner = lambda a: t.sin(a * w)  # noqa: E731
    middle = lambda a: t.checkpoint(inner, a * a) + a  # noqa: E731
    t.checkpoint(lambda a: t.exp(t.checkpoint(middle, a) * w), x).sum().backward()
    return x.grad, w.grad


def checkpoint_indices_found_inside(t: Any) -> Any:
    x = leaf(t, 0.5, -1.5, 2.5)
    t.checkpoint(lambda a: t.exp(a[a > 0.0]) * a[a > 0.0], x).sum().backward()
    return x.grad


# Copies.


def copy_deep(t: Any) -> Any:
    x, seen = leaf(t, 1.0, 2.0), []
    x.register_hook(seen.append)
    (x * x).sum().backward()
    c = copy.deepcopy(x)
    c.grad.zero_()
    (c * 3.0).sum().backward()
    with t.no_grad():
        c += 1.0
    return x, x.grad, c, c.grad, c.requires_grad, c.is_leaf, len(seen)


def copy_shallow(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    (x * x).sum().backward()
    c = copy.copy(x)
    before = c.grad
    (c * 3.0).sum().backward()
    with t.no_grad():
        c += 1.0
    return before, x, x.grad, c, c.grad


def copy_by_pickle(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    (x * x).sum().backward()
    c = pickle.loads(pickle.dumps(x))
    before = c.grad
    (c * 3.0).sum().backward()
    return before, x.grad, c, c.grad, c.requires_grad


def copy_of_a_result(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y, v = x * 2.0, x[0:1]
    copies = [copy.copy(y), pickle.loads(pickle.dumps(y)), copy.deepcopy(y.detach())]
    places = [(c, c.is_leaf, c.requires_grad) for c in copies]
    return places, caught(lambda: copy.deepcopy(y)), caught(lambda: copy.deepcopy(v))


def copy_of_a_structure(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    first, second = copy.deepcopy([x, x])
    return first is second, first is x, first


def copy_of_a_gradient_with_a_graph(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    x.grad = t.grad((x * x).sum(), [x], create_graph=True)[0]
    return caught(lambda: copy.deepcopy(x))


# Functions of one's own.


def _cube(library: Any) -> Any:
    class Cube(library.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 3.0 * x * x

    return Cube


def _function(t: Any, forward: Any, backward: Any) -> Any:
    return type("Own", (t.Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


def function_relu(t: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return t.maximum(x, t.zeros_like(x))

    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return t.where(x > 0, g, t.zeros_like(g))

    x = leaf(t, -1.0, 2.0, 0.5)
    y = _function(t, forward, backward).apply(x)
    y.backward(t.ones_like(y))
    return y, x.grad


def function_quadratic(t: Any) -> Any:
    def forward(ctx: Any, *inputs: Any) -> Any:
        ctx.save_for_backward(*inputs[:3])
        x, a, b, c = inputs
        return a * x**2 + b * x + c

    def backward(ctx: Any, g: Any) -> Any:
        x, a, b = ctx.saved_tensors
        return g * (2 * a * x + b), g * x**2, g * x, g

    inputs = [leaf(t, v) for v in (3.0, 2.0, 1.0, 4.0)]
    _function(t, forward, backward).apply(*inputs).backward()
    return [x.grad for x in inputs]


def function_needs_input_grad(t: Any) -> Any:
    seen = []

    def backward(ctx: Any, g: Any) -> Any:
        seen.append(ctx.needs_input_grad)
        return g, None, None

    own = _function(t, lambda ctx, x, y, n: x * n + y, backward)
    x = leaf(t, 1.0)
    own.apply(x, t.tensor(2.0), 3).backward()
    return [list(s) for s in seen], x.grad


def function_wrong_count(t: Any) -> Any:
    _function(t, lambda ctx, x, y: x * y, lambda ctx, g: g).apply(leaf(t, 1.0), leaf(t, 2.0)).backward()


def function_wrong_shape(t: Any) -> Any:
    _function(t, lambda ctx, x: x.sum(), lambda ctx, g: t.ones_like(g.reshape(1))).apply(leaf(t, 1.0, 2.0, 3.0)).backward()


def function_unused_output(t: Any) -> Any:
    seen = []

    def backward(ctx: Any, g: Any, h: Any) -> Any:
        seen.extend([g, h])
        return g + h

    x = leaf(t, 1.0, 2.0)
    first, _ = _function(t, lambda ctx, x: (x * 1.0, x * 2.0), backward).apply(x)
    first.sum().backward()
    return seen, x.grad


def function_not_materialized(t: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(False)
        return x * 1.0, x * 2.0

    x = leaf(t, 1.0, 2.0)
    first, _ = _function(t, forward, lambda ctx, g, h: g if h is None else None).apply(x)
    first.sum().backward()
    return x.grad


def function_marks_dirty(t: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x.mul_(2.0)

    x = leaf(t, 1.0, 2.0)
    y = x * 3.0
    z = _function(t, forward, lambda ctx, g: g * 2.0).apply(y)
    z.sum().backward()
    return z is y, y, x.grad, y._version


def function_dirty_leaf(t: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x.mul_(2.0)

    _function(t, forward, lambda ctx, g: g * 2.0).apply(leaf(t, 1.0, 2.0))


def function_not_differentiable_output(t: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        order = t.argsort(x, 0)
        ctx.mark_non_differentiable(order)
        return x * 2.0, order

    x = leaf(t, 3.0, 1.0)
    y, order = _function(t, forward, lambda ctx, g, _: g * 2.0).apply(x)
    y.sum().backward()
    return order, order.requires_grad, x.grad


def function_saved_tensor_modified(t: Any) -> Any:
    y = leaf(t, 1.0, 2.0) * 1.0
    z = _cube(t).apply(y).sum()
    y.add_(1.0)
    z.backward()


def function_returns_its_input(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = _function(t, lambda ctx, x: x, lambda ctx, g: g * 5.0).apply(x)
    y.sum().backward()
    return y is x, x.grad


def function_of_nothing_that_requires_grad(t: Any) -> Any:
    y = _cube(t).apply(t.tensor([2.0]))
    return y, y.requires_grad


# Graphs.


def graph_of_the_tutorial(t: Any) -> Any:
    x, w, b = leaf(t, 2.0), leaf(t, 3.0), leaf(t, 1.0)
    y = w * x + b
    z = y**2
    before = x.grad
    z.backward()
    return before, x.grad, w.grad, b.grad, y.is_leaf, [len(f.next_functions) for f in (z.grad_fn, y.grad_fn)]


def graph_edges(t: Any) -> Any:
    x, w, b = leaf(t, 2.0), leaf(t, 3.0), leaf(t, 1.0)
    y = w * x + b
    z = y**2
    (first,), (left, right) = z.grad_fn.next_functions, y.grad_fn.next_functions
    return (
        first[0] is y.grad_fn,
        first[1],
        left[1],
        right[0].variable is b,
        [f.variable is v for (f, _), v in zip(left[0].next_functions, (w, x), strict=True)],
    )


def graph_diamonds(t: Any) -> Any:
    y = x = leaf(t, 1.0)
    for _ in range(60):
        y = y + y
    y.backward()
    return x.grad


def graph_long_chain(t: Any) -> Any:
    y = x = leaf(t, 1.0)
    for _ in range(3000):
        y = y * 1.0001
    y.backward()
    return x.grad


def graph_stack_of_powers(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = t.stack([x[0] ** 2, x[1] ** 3])
    y.backward(gradient=t.tensor([1.0, 0.5]))
    return x.grad


def graph_output_that_is_a_leaf(t: Any) -> Any:
    x = leaf(t, 3.0)
    x.backward()
    return x.grad, t.grad(x, [x])


def graph_gradient_of_a_result(t: Any) -> Any:
    x = leaf(t, 3.0)
    y = x * x
    z = y * y + x
    return t.grad(z, [y, x], retain_graph=True), t.grad(z, [z])


def graph_comparisons_cut(t: Any) -> Any:
    x = leaf(t, 3.0, -1.0)
    mask = x > 0
    (x * mask).sum().backward()
    return mask, mask.requires_grad, x.grad


def graph_iteration(t: Any) -> Any:
    x = leaf(t, [[1.0, 2.0], [3.0, 4.0]])
    sum((k + 1.0) * row.sum() for k, row in enumerate(x)).backward()
    return x.grad, len(x)


def graph_integer_tensor(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * t.tensor(np.array([2, 3]))
    y.sum().backward()
    return y, x.grad


def graph_float32_leaf_of_a_float64_result(t: Any) -> Any:
    x = t.tensor([1.0, 2.0], requires_grad=True, dtype="float32")
    y = t.cast(x, "float64") * 3.0
    y.sum().backward()
    return y, x.grad


def function_with_spare_nones(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    forward = lambda ctx, x: x * 2.0  # noqa: E731
    spare = _function(t, forward, lambda ctx, g: (g * 2.0, None, None))
    spare.apply(x).sum().backward()
    too_many = _function(t, forward, lambda ctx, g: (g * 2.0, None, g))
    return x.grad, caught(lambda: too_many.apply(x).sum().backward())
