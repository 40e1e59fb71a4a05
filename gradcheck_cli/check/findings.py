"""Everything a check can find: one table of codes, and the immutable findings that carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gradcheck_cli.errors import Location

if TYPE_CHECKING:
    from gradcheck_cli.check.diagnosis.cause import Diagnosis


class Code(NamedTuple):
    """One kind of finding."""

    verdict: str
    """`fail`, `inconclusive`, `error`, or `note` (which changes no verdict)."""
    title: str
    help: str
    """What it means, what usually causes it, and what to do."""


CODES: dict[str, Code] = {
    "GC101": Code(
        "fail",
        "wrong number of gradients",
        "A rule returns one gradient for each input that requires one, in the order of the inputs. Too few or too many "
        "means that an input was forgotten, or that a gradient is returned for an input that has none. In a block, "
        "`return {x: GX, w: GW}` names them; `none` stands for an input without gradient.",
    ),
    "GC102": Code(
        "fail",
        "gradient has the wrong shape",
        "A gradient has exactly its input's shape. A larger one usually comes from broadcasting: where the forward "
        "repeated an input along an axis, the rule has to sum over that axis (`sum_to(g, x.shape)`). A smaller one "
        "relies on being broadcast later; write it out in full.",
    ),
    "GC103": Code(
        "fail",
        "gradient has the wrong dtype",
        "A gradient has exactly its input's dtype. A lower precision loses digits on the way back; an integer or boolean "
        "one is usually a mask that was never multiplied by the cotangent.",
    ),
    "GC104": Code(
        "fail",
        "gradient is not finite",
        "The rule gives NaN or infinity where the differences give a number. Look for a division by something that is "
        "zero at this point, a logarithm or a root of zero, inf - inf, or an overflow in an intermediate step; choose a "
        "form of the formula that stays finite, or `where` with a safe argument inside.",
    ),
    "GC105": Code(
        "fail",
        "no gradient where one is needed",
        "The rule returns no gradient (`none`, None, or the input is left out) for an input that does influence the "
        "output. Either write its rule, or give the input `requires_grad: false`.",
    ),
    "GC106": Code(
        "fail",
        "the rule raised an error",
        "The forward ran at this point, but the rule did not. The message names the expression.",
    ),
    "GC110": Code(
        "fail",
        "rule is not linear in the cotangent",
        "A pullback is a linear map of the cotangent: scaling the cotangent by -1 or by a power of two scales every "
        "gradient by exactly that, zero gives zero, and a sum gives the sum. `grad**2`, `abs(grad)`, clipping and "
        "normalising break this; one-hot cotangents alone do not show it.",
    ),
    "GC111": Code(
        "fail",
        "rule does not give the same answer twice",
        "The same cotangent at the same point gave different gradients: on a second call, or after the function was used at "
        "another point; or a gradient that one call returned was overwritten by the next. The rule keeps state (a buffer that "
        "it fills again, a global that the last forward wrote) or draws random numbers. Keep what backward needs with the call "
        "it belongs to (`ctx.save_for_backward`).",
    ),
    "GC112": Code(
        "fail",
        "rule depends on the memory layout of its cotangent",
        "The same numbers in another memory layout (Fortran order, a strided or reversed view, a broadcast scalar) gave "
        "another gradient. Cotangents often arrive as views: index them, or make a contiguous copy first, but do not read "
        "their memory linearly.",
    ),
    "GC113": Code(
        "fail",
        "rule writes into its cotangent",
        "The cotangent was changed by the rule, or the rule raised because it was read-only. The same array may be the "
        "cotangent of other nodes; work on a copy.",
    ),
    "GC114": Code(
        "fail",
        "rule changes its inputs",
        "After a call of the rule the inputs, or the output of the forward, held other values. They are still needed: by other "
        "rules, and by the next step.",
    ),
    "GC115": Code(
        "fail",
        "gradient shares memory with an input",
        "The returned gradient is a view of an input. Whoever updates the input in place would change the gradient, and the "
        "reverse. Return a new array.",
    ),
    "GC116": Code(
        "fail",
        "rule does not follow the point",
        "At a second point the rule returned, bit for bit, what it had returned at the first, although the function's slope "
        "is another one there. Something was computed once and kept; or the rule is a constant that happens to lie between the "
        "slopes of a kink.",
    ),
    "GC117": Code(
        "fail",
        "rule loses precision inside",
        "The rule's gradients are of full precision, but add up only as numbers of float32 do: somewhere inside the rule they "
        "are rounded to a lower precision. Look for a cast, or an array that was allocated as float32.",
    ),
    "GC201": Code(
        "fail",
        "Jacobian mismatch",
        "An entry of the Jacobian that the rule claims differs from the central differences of the forward by more than "
        "the tolerance and the differences' own error bound together, at every step size that was tried.",
    ),
    "GC202": Code(
        "fail",
        "value outside the one-sided slopes at a kink",
        "The forward has a kink here: its slopes on the two sides differ. Any value between them is accepted as a "
        "subgradient (`kinks: subgradient`); this one lies outside. With `kinks: fail` every kink is reported.",
    ),
    "GC203": Code(
        "fail",
        "forward rule mismatch",
        "The `jvp` rule's tangent differs from the differences of the forward, or the rule is not linear in the tangents: "
        "it has a term without a tangent, or one that multiplies or clips tangents.",
    ),
    "GC204": Code(
        "fail",
        "forward and backward rules disagree",
        "For a tangent u and a cotangent v, <v, J u> from the jvp rule and <J' v, u> from the backward rule must be the "
        "same number. They are not, so at least one of the two is wrong; no differences are involved.",
    ),
    "GC205": Code(
        "fail",
        "second derivative mismatch",
        "The rule's own derivative (through the graph of the rule) differs from the differences of the rule. Values that "
        "the rule treats as constants but that depend on the inputs are the usual cause.",
    ),
    "GC301": Code(
        "inconclusive",
        "below the noise of float64",
        "The entry is so small beside the rounding noise of the forward that no step size resolves it. The resolution "
        "that was reached is given; a smaller offset or a better scaled input would help.",
    ),
    "GC302": Code(
        "inconclusive",
        "step sizes disagree",
        "Differences at different scales do not tell one consistent slope: the forward oscillates, is noisy, or changes "
        "its character within the steps.",
    ),
    "GC303": Code(
        "inconclusive",
        "near a kink",
        "A kink or a jump lies so near this point that the slopes beside it cannot be told apart. Move the point.",
    ),
    "GC304": Code(
        "inconclusive",
        "forward is not finite",
        "The forward gives NaN or infinity at the point or around it, so that no difference can be taken.",
    ),
    "GC401": Code(
        "fail",
        "expected to fail, but passed",
        "The case says `expect: fail`, and the rule was found right. Remove the expectation, or make the example wrong.",
    ),
    "GC402": Code(
        "fail",
        "expected a kink, but found none",
        "The case says `expect: kink`, but no entry of the Jacobian sits on one at these inputs.",
    ),
    "GC403": Code(
        "fail",
        "failed for another reason than expected",
        "The case says `expect: fail` with a code, and the rule was found wrong, but by other findings.",
    ),
    "GC501": Code(
        "error",
        "the forward raised an error",
        "The forward could not be evaluated at the inputs of this case; nothing can be said about its rule.",
    ),
    "GC502": Code(
        "error",
        "the forward is not deterministic",
        "Two evaluations at the same inputs gave different values. Differences of a random function mean nothing: draw "
        "the random numbers once, and pass them as an input.",
    ),
    "GC503": Code(
        "error",
        "the forward changes its inputs",
        "After a call the input arrays held other values. A forward has to leave its arguments alone, and the arrays that were "
        "given to `verify()`, if it knows them.",
    ),
    "GC505": Code(
        "error",
        "the check was lost",
        "The process or machine that was to do the check did not finish it: it was killed, ran out of memory, or could not be "
        "reached. The other checks are not affected. Run it alone, without -j or --dask, to see more.",
    ),
    "GC506": Code(
        "error",
        "the check took too long",
        "It did not end within the seconds that --timeout allows, and was stopped: nothing can be said about its rule. Smaller "
        "inputs will do as well, if the function is not of a kind that only large ones show; or allow it more time.",
    ),
    "GC599": Code(
        "error",
        "internal error",
        "A bug in this program, not in the rule: the check could not be finished. The traceback is on standard error; please "
        "report it, with the spec if you can.",
    ),
    "GC603": Code(
        "note",
        "random directions only",
        "The Jacobian has too many entries to compare each of them (or the case says `mode: projected`): it is cut into "
        "blocks, up to 64 by 64 of them, and one number v'Ju, with random weights u and v, stands for all entries of a block. "
        "Every entry is in a block, and where a block is wrong its entries are compared one by one. But an error of a single "
        "entry is diluted by the others of its block: the message says how large it must be to be seen. `mode: full` compares "
        "every entry.",
    ),
    "GC604": Code(
        "note",
        "the search for a cause failed",
        "The rule is wrong, as the other findings say; but looking for what may have caused it ran into a bug of this tool. "
        "Please report it, with the spec.",
    ),
    "GC602": Code(
        "note",
        "the inputs may hide an error",
        "At special points wrong rules agree with right ones: zeros hide terms, ones hide factors and powers, equal or "
        "symmetric values hide swaps and transposes. Draw the input (`{shape: [3, 4]}`), or add a case.",
    ),
    "GC606": Code(
        "note",
        "the rule does not follow the point",
        "A few percent away the rule gives bit for bit the same gradient, where the slope is another. At these inputs it is "
        "right; but a rule that holds at one point only is no rule. Add a case with other inputs.",
    ),
    "GC605": Code(
        "note",
        "the input is square, and need not be",
        "A gradient with a transpose too many, or one too few, still has a square input's shape: it is found by its values "
        "only, and less plainly. Choose another shape, or add a case.",
    ),
    "GC607": Code(
        "note",
        "accepted by a loose tolerance only",
        "The claimed and the measured slope differ by more than one percent, which the differences resolve, and only the "
        "tolerance of this check lets it pass. Tighten `rtol` and `atol`, or leave them out: by default a tolerance is needed "
        "for nothing but rounding. `--max-rtol` refuses specs with a tolerance above it.",
    ),
    "GC608": Code(
        "note",
        "the forward or the rule prints",
        "A check calls the forward and the rule dozens of times, and each of these calls may write to the terminal; the output "
        "is let through. Take out what was left from debugging, or print where the function is used.",
    ),
    "GC601": Code(
        "note",
        "values are not checked",
        "The function is marked `surrogate`: its rule is not the derivative on purpose. The contract and linearity are "
        "checked; the values are not.",
    ),
}

DIAGNOSED = frozenset({"GC102", "GC104", "GC110", "GC201"})
"""Those that causes are looked for."""


class Finding(NamedTuple):
    """One thing found in a check."""

    code: str
    message: str
    location: Location | None = None
    """Where in a spec, when there is one."""
    input_name: str = ""
    diagnosis: tuple[Diagnosis, ...] = ()
    """What is likely wrong, the best explanation first."""

    @property
    def verdict(self) -> str:
        """What this finding makes of its check."""
        return CODES[self.code].verdict
