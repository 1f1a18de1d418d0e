"""The causes that a verdict can name: each with the sentence that explains it and the line of algebra behind it.

The names are stable. ``algebra`` is LaTeX, in the symbols of ``docs/derivations``.
"""

from dataclasses import dataclass

__all__ = ["VOCABULARY", "Cause", "Explanation"]


@dataclass(frozen=True)
class Cause:
    """A kind of mistake: a sentence that explains it, and the algebra that it violates."""

    sentence: str
    algebra: str = ""


@dataclass(frozen=True)
class Explanation:
    """A cause, the formula that was computed, the arrays that show it and, if it does not always show, when it does."""

    cause: str
    algebra: str
    arrays: tuple[str, ...]
    probes: int
    when: tuple[str, ...] = ()
    #: Other causes that explain the same just as well, each with its formula.
    alternatives: tuple[tuple[str, str], ...] = ()
    #: True if the layers below are wrong for this reason alone.
    propagates: bool = False


_DS = r"\frac{\partial J}{\partial s_{nj}} = \frac{1}{N}\left(p_{nj} - 1[j = y_n]\right)"
_PENALTY = r"\frac{\partial}{\partial W}\,\tfrac12\,\mathrm{reg}\sum W^2 = \mathrm{reg}\,W"
_MASK = r"dz = dh \circ 1[z > 0]"
_DW = r"dW_{ij} = \sum_n h_{ni}\,dz_{nj},\qquad dW = h^\top dz"
_DB = r"db_j = \sum_n dz_{nj}"
_DH = r"dh_{ni} = \sum_j dz_{nj} W_{ij},\qquad dh = dz\,W^\top"
_P = r"p_{nj} = e^{s_{nj}} \Big/ \sum_k e^{s_{nk}}"

VOCABULARY: dict[str, Cause] = {
    # the sum over the batch
    "mean-missing": Cause("The loss is a mean over the batch; this is the sum: the factor 1/N is missing.", _DS),
    "mean-twice": Cause("The mean over the batch is taken twice: the factor 1/N is there already.", _DS),
    "wrong-divisor": Cause("The sum over the batch is divided by something other than the batch size N.", _DS),
    "factor-wrong": Cause("Everything is off by the same constant factor.", _DS),
    "sign-flipped": Cause("The sign is wrong: the gradient points uphill, prediction minus target.", _DS),
    "examples-dropped": Cause("Some examples are left out, and every example of the batch should count.", _DW),
    "examples-reweighted": Cause("The examples are weighted unequally: each should have the weight 1/N.", _DW),
    "repeated-labels-lost": Cause(
        "Where a label occurs twice only one row counts: a fancy-indexed -= does not add up; np.subtract.at does.", _DW
    ),
    # the penalty
    "l2-missing": Cause("The gradient of the penalty is missing.", _PENALTY),
    "l2-doubled": Cause("The penalty is ½ reg Σ W², and its gradient reg W: the ½ is missing here.", _PENALTY),
    "l2-halved": Cause(
        "The ½ of the penalty cancels the 2 of the square: its gradient is reg W, not ½ reg W.", _PENALTY
    ),
    "l2-sign-flipped": Cause("The gradient of the penalty is subtracted; it should be added.", _PENALTY),
    "l2-on-bias": Cause("Biases are not penalised: their gradient has no reg b in it.", _PENALTY),
    "l2-scaled-by-batch": Cause(
        "The penalty does not depend on the batch: it is neither divided by N nor times N.", _PENALTY
    ),
    "l2-scaled": Cause("The gradient of the penalty is a constant times reg W.", _PENALTY),
    "l2-strength-wrong": Cause(
        "The penalty does not grow in proportion to reg: its strength is altered along the way.", _PENALTY
    ),
    "l2-of-another-parameter": Cause("The penalty of another parameter is added here.", _PENALTY),
    "l2-not-squared": Cause("This is the gradient of another norm: the penalty is the sum of the squares.", _PENALTY),
    # softmax and cross-entropy
    "one-hot-missing": Cause("The label's 1 is not subtracted: this is the gradient of the log-sum-exp alone.", _DS),
    "class-wrong": Cause("The 1 is subtracted at a class other than the label's.", _DS),
    "softmax-axis": Cause("The softmax is over the classes of each example, not over the batch.", _P),
    "softmax-twice": Cause("The softmax is applied twice: the cross-entropy takes the scores.", _P),
    "softmax-jacobian": Cause(
        "The derivative of the softmax is incomplete: each probability depends on every score of its row.",
        r"\frac{\partial p_k}{\partial s_j} = p_k\,(1[k = j] - p_j)",
    ),
    "activation-derivative-extra": Cause(
        "p − 1[y] is already the gradient: it is not multiplied by the derivative of the softmax again.", _DS
    ),
    "another-loss": Cause("This is the gradient of a loss other than the softmax cross-entropy.", _DS),
    "labels-smoothed": Cause("The labels are smoothed in the gradient but not in the loss.", _DS),
    "epsilon-added": Cause(
        "A small constant is added or clipped off, so the gradient is no longer that of the loss.", _DS
    ),
    # the mask
    "mask-missing": Cause(
        "The derivative of the activation is missing: what comes back through h is not yet dz.", _MASK
    ),
    "mask-at-zero": Cause("At exactly z = 0 the derivative of the ReLU is taken to be 0, by convention: z > 0.", _MASK),
    "mask-on-wrong-tensor": Cause("The mask is where z > 0: here it is taken from another array.", _MASK),
    "mask-inverted": Cause("The mask passes what it should block.", _MASK),
    "upstream-missing": Cause(
        "The chain rule multiplies: the derivative here is not multiplied by the gradient from above.", _MASK
    ),
    "activation-wrong": Cause("This is a different activation, or the derivative of one.", _MASK),
    # which array, and which way round
    "wrong-cached-tensor": Cause("An array of the right shape is used in place of another.", _DW),
    "transposed": Cause("A transpose is missing; it shows only where the matrix is not square.", _DH),
    "bias-averaged": Cause("The bias gradient is the sum over the examples: dz has its 1/N already.", _DB),
    "bias-axis": Cause("The bias gradient is summed over the examples, and over nothing else.", _DB),
    "broadcast": Cause("An (N,) array meets an (N, 1) array, and NumPy makes it (N, N).", _MASK),
    "gradient-missing": Cause("A parameter gets no gradient."),
    "clipped": Cause(
        "The gradient is clipped. Clipping belongs in the optimiser: this must be the gradient of the loss.", _DW
    ),
    # calls and arrays
    "accumulated": Cause("The gradient of the last call is still in it: reset it to zero at the start of each call."),
    "stale-cache": Cause("It returns what it kept from an earlier call: keep nothing between calls."),
    "argument-mutated": Cause("It writes to an array that it was given: work on a copy."),
    "result-aliased": Cause("A result shares memory with an argument or an earlier result: return a fresh array."),
    "non-deterministic": Cause("The same call gives different answers: is dropout on, or memory uninitialised?"),
    "dtype-demoted": Cause("It is computed or returned with fewer digits than the parameters have."),
    "dtype-promoted": Cause("It comes back in a wider dtype than the parameters': half the speed, twice the memory."),
    "memory-layout": Cause("It reads an array's memory instead of its entries: an array may have any memory layout."),
    "label-dtype": Cause("Labels may have any integer dtype, and arithmetic in a narrow or unsigned one wraps around."),
    "shape-wrong": Cause("A gradient must have the shape of its parameter."),
    "overflow": Cause(
        "An exponential overflows, or a whole row underflows: shift each row by its own maximum.",
        r"p_{nj} = e^{s_{nj} - m_n} \Big/ \sum_k e^{s_{nk} - m_n}, \quad m_n = \max_k s_{nk}",
    ),
    "loss-and-gradient-disagree": Cause("The gradient is not that of the loss returned beside it."),
    "raises": Cause("It raises an error on a valid problem."),
    "hangs": Cause("It does not return."),
    "not-an-answer": Cause("It does not return a loss and gradients."),
}
