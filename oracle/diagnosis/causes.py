"""The causes that a verdict can name: each with what a teacher would say and the line of algebra that proves it.

The names are stable. ``algebra`` is LaTeX: what the derivation says, in the symbols of ``docs/derivations``.
"""

from dataclasses import dataclass

__all__ = ["VOCABULARY", "Cause", "Explanation"]


@dataclass(frozen=True)
class Cause:
    """What a teacher would say of a mistake, and the algebra that proves it."""

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
    "factor-wrong": Cause("All of it is a constant times what it should be.", _DS),
    "sign-flipped": Cause("The sign is wrong: the gradient points uphill, prediction minus target.", _DS),
    "examples-dropped": Cause("Some examples do not count, and every one of the batch should.", _DW),
    "examples-reweighted": Cause("The examples do not all have the same weight, 1/N.", _DW),
    "repeated-labels-lost": Cause(
        "Where a label occurs twice only one row counts: a fancy-indexed -= does not add up; np.subtract.at does.", _DW
    ),
    # the penalty
    "l2-missing": Cause("The gradient of the penalty is missing.", _PENALTY),
    "l2-doubled": Cause("The penalty is ½ reg Σ W², and its gradient reg W: the ½ is missing here.", _PENALTY),
    "l2-halved": Cause(
        "The ½ of the penalty cancels the 2 of the square: its gradient is reg W, not ½ reg W.", _PENALTY
    ),
    "l2-sign-flipped": Cause("The gradient of the penalty is subtracted, and should be added.", _PENALTY),
    "l2-on-bias": Cause("Biases are not penalised: their gradient has no reg b in it.", _PENALTY),
    "l2-scaled-by-batch": Cause(
        "The penalty does not depend on the batch: it is neither divided by N nor times N.", _PENALTY
    ),
    "l2-scaled": Cause("The gradient of the penalty is a constant times reg W.", _PENALTY),
    "l2-strength-wrong": Cause(
        "The penalty does not grow in proportion to reg: the strength is changed on the way.", _PENALTY
    ),
    "l2-of-another-parameter": Cause("The penalty of another parameter is added here.", _PENALTY),
    "l2-not-squared": Cause("This is the gradient of another norm: the penalty is the sum of the squares.", _PENALTY),
    # softmax and cross-entropy
    "one-hot-missing": Cause("The label's 1 is not subtracted: this is the gradient of the log-sum-exp alone.", _DS),
    "class-wrong": Cause("The 1 is subtracted at another class than the label's.", _DS),
    "softmax-axis": Cause("The softmax is over the classes of each example, not over the batch.", _P),
    "softmax-twice": Cause("The softmax is applied twice: the cross-entropy takes the scores.", _P),
    "softmax-jacobian": Cause(
        "The derivative of the softmax is incomplete: each probability depends on every score of its row.",
        r"\frac{\partial p_k}{\partial s_j} = p_k\,(1[k = j] - p_j)",
    ),
    "activation-derivative-extra": Cause(
        "p − 1[y] is the gradient already: no derivative of the softmax comes on top.", _DS
    ),
    "another-loss": Cause("This is the gradient of another loss than the cross-entropy of the softmax.", _DS),
    "labels-smoothed": Cause("The labels are smoothed in the gradient and not in the loss.", _DS),
    "epsilon-added": Cause(
        "A small constant is added or clipped off, and the gradient no longer that of the loss.", _DS
    ),
    # the mask
    "mask-missing": Cause(
        "The derivative of the activation is missing: what comes back through h is not yet dz.", _MASK
    ),
    "mask-at-zero": Cause("At exactly z = 0 the derivative of the ReLU is taken to be 0, by convention: z > 0.", _MASK),
    "mask-on-wrong-tensor": Cause("The mask is where z > 0: it is taken from something else.", _MASK),
    "mask-inverted": Cause("The mask lets through what it should stop.", _MASK),
    "upstream-missing": Cause(
        "The chain rule multiplies: the derivative here is not times what comes from above.", _MASK
    ),
    "activation-wrong": Cause("This is another activation, or the derivative of another.", _MASK),
    # which array, and which way round
    "wrong-cached-tensor": Cause("An array of the right shape is used in the place of another.", _DW),
    "transposed": Cause("A transpose is missing; it shows only where the matrix is not square.", _DH),
    "bias-averaged": Cause("The bias gradient is the sum over the examples: dz has its 1/N already.", _DB),
    "bias-axis": Cause("The bias gradient is summed over the examples, and over nothing else.", _DB),
    "broadcast": Cause("An (N,) array meets an (N, 1) array, and NumPy makes it (N, N).", _MASK),
    "gradient-missing": Cause("A parameter gets no gradient."),
    "clipped": Cause("The gradient is clipped. That belongs to the optimiser: here it must be the loss's.", _DW),
    # calls and arrays
    "accumulated": Cause("The gradient of the last call is still in it: set it to zero at the start of each."),
    "stale-cache": Cause("It answers with what it kept from an earlier call: keep nothing between calls."),
    "argument-mutated": Cause("It writes to an array that it was given: work on a copy."),
    "result-aliased": Cause("A result shares memory with an argument or an earlier result: return a fresh array."),
    "non-deterministic": Cause("The same call does not give the same answer: is dropout on, or memory uninitialised?"),
    "dtype-demoted": Cause("It is computed or returned in fewer digits than the parameters have."),
    "dtype-promoted": Cause("It comes back in a wider dtype than the parameters': half the speed, twice the memory."),
    "memory-layout": Cause("It reads the memory of an array and not its entries: an array may be in any order there."),
    "label-dtype": Cause("Labels come in any integer dtype, and arithmetic in a narrow or unsigned one wraps around."),
    "shape-wrong": Cause("A gradient has the shape of its parameter."),
    "overflow": Cause(
        "An exponential overflows, or all of a row underflow: shift each row by its own maximum.",
        r"p_{nj} = e^{s_{nj} - m_n} \Big/ \sum_k e^{s_{nk} - m_n}, \quad m_n = \max_k s_{nk}",
    ),
    "loss-and-gradient-disagree": Cause("The gradient is not that of the loss that is returned beside it."),
    "raises": Cause("It raises an error on a legitimate problem."),
    "hangs": Cause("It does not return."),
    "not-an-answer": Cause("What it returns is no loss and gradients."),
}
