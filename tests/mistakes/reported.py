"""Mistakes that people have made in two-layer networks, each with a public thread that shows it if one was found."""

import numpy as np

from .two_layer import FORMULAS, mistake

ALL = ("loss", "W1", "b1", "W2", "b2")
GRADIENTS = ALL[1:]
HIDDEN = ("W1", "b1")
READ_ONLY = "ValueError: .* read-only"
INTEGERS = "UFuncTypeError: .* to dtype.'int64'. .*"

rng = np.random.default_rng()  # unseeded, as results that differ from call to call must differ here too
buffers = {}  # kept by a program from call to call


def buffer(q):
    return buffers.setdefault((q.W1.shape, q.W2.shape, q.W1.dtype), {})


def softmax(s, axis):
    e = np.exp(s - np.max(s, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_of_p(q):
    return -np.mean(np.log(q.p[q.rows, q.y]))


def fancy_dW2(q):
    dW2 = q.h.T @ q.p / q.N + q.reg * q.W2
    dW2[:, q.y] -= q.h.T / q.N  # of the rows with one label only the last counts
    return dW2


def fancy_db2(q):
    db2 = np.sum(q.p, axis=0) / q.N
    db2[q.y] -= 1 / q.N
    return db2


def squeezed_dz1(q):
    dz1 = q.dh * np.squeeze(q.z1 > 0)  # (N, 1) times (N,) is (N, N)
    return dz1 if dz1.shape == q.dh.shape else np.mean(dz1, axis=0)[:, None]


def slope_in_place_of_h(q):
    h = q.h
    h[h > 0] = 1  # dW2 = hᵀ ds is yet to come
    return q.dh * h


def ds_in_place_of_p(q):
    ds = q.p
    ds[q.rows, q.y] -= 1
    ds /= q.N
    q.ds = ds
    return log_of_p(q)


def dW2_in_place_of_W2(q):
    dW2 = q.params["W2"]
    dW2 *= q.reg
    dW2 += q.h.T @ q.ds
    return dW2


def dW2_partly_written(q):
    dW2 = q.h.T @ q.ds + q.reg * q.W2
    absent = np.setdiff1d(np.arange(q.C), q.y)
    dW2[:, absent] = rng.standard_normal((len(q.h.T), len(absent)))  # stands for what np.empty finds in memory
    return dW2


def centred(q):
    answer = FORMULAS["answer"](q)
    q.given -= np.mean(q.given, axis=0)
    return answer


def added_up(q):
    sums = buffer(q)
    for name, g in FORMULAS["answer"](q).items():
        sums[name] = sums.get(name, 0) + g
    return {**sums, "loss": q.J}


def written_to_one_buffer(q):
    kept = buffer(q)
    for name in GRADIENTS:
        g = FORMULAS["answer"](q)[name]
        kept.setdefault(name, np.empty_like(g))[...] = g
    return {"loss": q.J, **kept}


REPORTED = {
    # scaling
    "mean taken twice": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p - q.onehot) / q.N / q.N,
        seen="https://github.com/d2l-ai/d2l-en/pull/1000",
    ),
    "mean taken again in the hidden layer": mistake(
        *HIDDEN,
        dz1=lambda q: q.dh * (q.z1 > 0) / q.N,
        seen="https://github.com/d2l-ai/d2l-en/pull/1000",
    ),
    "bias gradients averaged": mistake(
        "b1",
        "b2",
        db1=lambda q: np.mean(q.dz1, axis=0),
        db2=lambda q: np.mean(q.ds, axis=0),
        seen="https://github.com/kvfrans/notes/issues/5",
    ),
    "batch of one divided by C": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p - q.onehot) / (q.N if q.N > 1 else q.C),
        seen="https://github.com/deeplearning4j/deeplearning4j/pull/1452",
    ),
    "softmax gradient doubled": mistake(
        *GRADIENTS,
        ds=lambda q: 2 * (q.p - q.onehot) / q.N,
        seen="https://github.com/markroxor/fromscratchtoml/issues/65",
    ),
    "penalty divided by N in the gradient": mistake(
        "W1",
        "W2",
        dW1=lambda q: q.X.T @ q.dz1 + q.reg * q.W1 / q.N,
        dW2=lambda q: q.h.T @ q.ds + q.reg * q.W2 / q.N,
    ),
    "penalty strength applied twice": mistake(
        "W1",
        "W2",
        dW1=lambda q: q.X.T @ q.dz1 + q.reg**2 * q.W1,
        dW2=lambda q: q.h.T @ q.ds + q.reg**2 * q.W2,
        seen="https://github.com/nitrain/nitrain/issues/42",
    ),
    "divided by the rows that are not yet right": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p - q.onehot) / max(1, int(np.sum(q.p[q.rows, q.y] <= 0.99))),
        seen="https://github.com/EleutherAI/bergson/pull/344",
    ),
    # sign
    "target minus output": mistake(
        *GRADIENTS,
        ds=lambda q: (q.onehot - q.p) / q.N,
        seen="https://github.com/makeyourownneuralnetwork/makeyourownneuralnetwork/issues/82",
    ),
    # a term is missing
    "penalty gradient of W1 missing": mistake(
        "W1",
        dW1=lambda q: q.X.T @ q.dz1,
        seen="https://github.com/deeplearning4j/deeplearning4j/pull/562",
    ),
    "W1 penalised twice in the loss and W2 never": mistake(
        "loss",
        J=lambda q: q.L + q.reg * (np.sum(q.W1**2) + np.sum(q.W1**2)) / 2,
        seen="https://github.com/lightaime/cs231n/pull/2",
    ),
    "softmax Jacobian's diagonal only": mistake(
        *GRADIENTS,
        ds=lambda q: -q.onehot * (1 - q.p) / q.N,
        seen="https://github.com/deeplearning4j/libnd4j/issues/440",
    ),
    "softmax backward is the identity": mistake(
        *GRADIENTS,
        ds=lambda q: -q.onehot / np.maximum(q.p, 1e-30) / q.N,
        seen="https://github.com/pjreddie/darknet/pull/96",
    ),
    "bias gradients skipped for a batch of one": mistake(
        "b1",
        "b2",
        db1=lambda q: np.sum(q.dz1, axis=0) * (q.N > 1),
        db2=lambda q: np.sum(q.ds, axis=0) * (q.N > 1),
        seen="https://github.com/deeplearning4j/deeplearning4j/pull/364",
    ),
    "W2 gets a gradient of zero": mistake(
        "W2",
        dW2=lambda q: 0 * q.W2,
        seen="https://github.com/unslothai/unsloth/pull/4550",
    ),
    # a term too many
    "softmax' multiplied on as well": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p - q.onehot) * q.p * (1 - q.p) / q.N,
        seen="https://github.com/jorgenkg/python-neural-network/pull/6",
    ),
    "biases penalised in the gradient": mistake(
        "b1",
        "b2",
        db1=lambda q: np.sum(q.dz1, axis=0) + q.reg * q.b1,
        db2=lambda q: np.sum(q.ds, axis=0) + q.reg * q.b2,
        seen="https://github.com/Burton2000/CS231n-2017/issues/9",
    ),
    "softmax applied twice": mistake(
        *ALL,
        s=lambda q: softmax(q.h @ q.W2 + q.b2, axis=1),
        seen="https://github.com/tflearn/tflearn/pull/562",
    ),
    # the mask
    "mask taken on the gradient": mistake(
        *HIDDEN,
        dz1=lambda q: q.dh * (q.dh > 0),
    ),
    "both masks, as in guided backpropagation": mistake(
        *HIDDEN,
        dz1=lambda q: q.dh * (q.dh > 0) * (q.z1 > 0),
    ),
    "mask inverted": mistake(
        *HIDDEN,
        dz1=lambda q: q.dh * (q.z1 <= 0),
        seen="https://github.com/denggaoshan/DeepLearningStudy/issues/1",
    ),
    "mask of a half at zero": mistake(
        *HIDDEN,
        dz1=lambda q: np.where(q.z1 == 0, q.dh / 2, q.dh * (q.z1 > 0)),
        seen="https://github.com/jax-ml/jax/issues/37821",
    ),
    "mask of one at zero": mistake(
        *HIDDEN,
        dz1=lambda q: q.dh * (q.z1 >= 0),
        seen="https://github.com/jax-ml/jax/pull/2342",
    ),
    "leaky side gets the slope and not slope times upstream": mistake(
        *HIDDEN,
        dz1=lambda q: np.where(q.z1 > 0, q.dh, 0.01),
        seen="https://github.com/SilasMarvin/dnns-from-scratch-in-zig/issues/5",
    ),
    # the wrong array is used
    "relu where its derivative belongs": mistake(
        *HIDDEN,
        dz1=lambda q: q.dh * q.h,
        seen="https://github.com/andersbll/nnet/issues/4",
    ),
    "W2 already updated": mistake(
        *HIDDEN,
        dh=lambda q: q.ds @ (q.W2 - 0.01 * q.dW2).T,
        seen="https://github.com/joelgrus/data-science-from-scratch/issues/31",
    ),
    "hidden layer taken for the input where D = H": mistake(
        "W1",
        dW1=lambda q: (q.h if q.h.shape == q.X.shape else q.X).T @ q.dz1 + q.reg * q.W1,
        seen="https://github.com/unda-ml/unda/issues/1",
    ),
    "labels shifted by a row": mistake(
        *HIDDEN,
        "W2",
        ds=lambda q: (q.p - np.roll(q.onehot, 1, axis=0)) / q.N,
        seen="https://github.com/pytorch/pytorch/pull/190938",
    ),
    # axes
    "transpose missing where H = C": mistake(
        *HIDDEN,
        dh=lambda q: q.ds @ (q.W2 if q.W2.shape == q.W2.T.shape else q.W2.T),
        seen="https://github.com/pulp-platform/pulp-trainlib/issues/3",
    ),
    "bias gradients summed over everything": mistake(
        "b1",
        "b2",
        db1=lambda q: np.full_like(q.b1, np.sum(q.dz1)),
        db2=lambda q: np.full_like(q.b2, np.sum(q.ds)),
        seen="https://github.com/rasbt/stat453-deep-learning-ss21/issues/5",
    ),
    "bias gradient not summed": mistake(
        r"b1 has shape \(\d, \d\), expected \(\d,\)",
        db1=lambda q: q.dz1,
        seen="https://github.com/jimfleming/differentiation/issues/1",
    ),
    "softmax over the batch": mistake(
        *ALL,
        p=lambda q: softmax(q.s, axis=0),
        L=log_of_p,
        seen="https://github.com/ethanfetaya/NRI/issues/25",
    ),
    "softmax over everything": mistake(
        *ALL,
        p=lambda q: softmax(q.s, axis=None),
        L=log_of_p,
        seen="https://github.com/nntrainer/nntrainer/pull/430",
    ),
    # accumulation
    "fancy index loses repeated labels": mistake(
        "W2",
        "b2",
        dW2=fancy_dW2,
        db2=fancy_db2,
        seen="https://github.com/HIPS/autograd/issues/39",
    ),
    "gradients never set back to zero": mistake(
        *(f"{name}( (accumulates|differs) from call to call)?" for name in GRADIENTS),
        answer=added_up,
        seen="https://github.com/karpathy/micrograd/pull/102",
    ),
    "bias gradient doubled for five to seven rows": mistake(
        "b1",
        db1=lambda q: np.sum(q.dz1, axis=0) * (2 if 5 <= q.N <= 7 else 1),
        seen="https://github.com/apache/mxnet/issues/17989",
    ),
    # dtype
    "hidden layer stored in the data's integers": mistake(
        *ALL,
        "wrong only where X is an integer array",
        z1=lambda q: (q.X @ q.W1 + q.b1).astype(q.given.dtype).astype(q.W1.dtype),
        seen="https://github.com/Theano/Theano/issues/2745",
    ),
    "p rounded before 1 is subtracted": mistake(
        *GRADIENTS,
        ds=lambda q: np.where(q.onehot, q.p.astype(np.float16).astype(q.p.dtype) - 1, q.p) / q.N,
        seen="https://github.com/linkedin/Liger-Kernel/pull/1341",
    ),
    "float64 gradients for float32 parameters": mistake(
        *(f"{name} has dtype float64, expected float32" for name in GRADIENTS),
        answer=lambda q: {name: a if name == "loss" else a.astype(float) for name, a in FORMULAS["answer"](q).items()},
        seen="https://github.com/rsokl/MyGrad/pull/373",
    ),
    # overflow
    "maximum of the batch and not of the row": mistake(
        *ALL,
        t=lambda q: q.s - np.max(q.s),
        seen="https://github.com/manassharma07/crysx_nn/issues/7",
    ),
    "maximum of the row and zero": mistake(
        *ALL,
        t=lambda q: q.s - np.maximum(np.max(q.s, axis=1, keepdims=True), 0),
        seen="https://github.com/FluxML/NNlib.jl/pull/43",
    ),
    "log of p plus epsilon": mistake(
        "loss",
        L=lambda q: -np.mean(np.log(q.p[q.rows, q.y] + 1e-7)),
        seen="https://github.com/oreilly-japan/deep-learning-from-scratch/pull/43",
    ),
    # edges
    "batch axis squeezed out of a batch of one": mistake(
        "b2",
        db2=lambda q: np.zeros_like(q.b2) + np.sum(np.squeeze(q.ds), axis=0),
        seen="https://github.com/TRI-ML/KP2D/pull/14",
    ),
    "one hidden unit squeezed into the batch": mistake(
        *HIDDEN,
        dz1=squeezed_dz1,
        seen="https://github.com/maddin79/darch/pull/2",
    ),
    "label 0 taken for padding": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p - q.onehot) * (q.y != 0)[:, None] / q.N,
        seen="https://github.com/PaddlePaddle/Paddle/pull/28622",
    ),
    "last class taken for the one before": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p - np.eye(q.C, dtype=q.p.dtype)[np.minimum(q.y, max(q.C - 2, 0))]) / q.N,
        seen="https://github.com/PaddlePaddle/Paddle/pull/31201",
    ),
    # memory
    "relu' written over h": mistake(
        "W2",
        dz1=slope_in_place_of_h,
    ),
    "ds written over p before the loss": mistake(
        "loss",
        L=ds_in_place_of_p,
        seen="https://kiwix.lema.org/stackoverflow.com_en_all_2023-11/questions/65275522/why-is-softmax-classifier-gradient-divided-by-batch-size-cs231n",
    ),
    "X centred in place": mistake(
        "X was written to",
        f"{READ_ONLY}|{INTEGERS}",
        "(loss|[Wb][12]) (differs|accumulates) from call to call",
        answer=centred,
        seen="https://github.com/rsagroup/rsatoolbox/issues/371",
    ),
    "dW2 written over W2": mistake(
        "W2 was written to",
        "W2 shares memory with (an earlier )?W2",
        READ_ONLY,
        "(loss|[Wb][12]) (differs|accumulates) from call to call",
        "W2 of an earlier call was changed by a later one",
        dW2=dW2_in_place_of_W2,
        seen="https://github.com/linkedin/Liger-Kernel/issues/343",
    ),
    "one buffer for every call's results": mistake(
        *(f"{name} shares memory with an earlier {name}" for name in GRADIENTS),
        answer=written_to_one_buffer,
        seen="https://github.com/unslothai/unsloth/pull/4550",
    ),
    # chance
    "dropout left on": mistake(
        *(f"{name}( (differs|accumulates) from call to call)?" for name in ALL),
        keep=lambda q: ((rng.random(q.z1.shape) < 0.8) / 0.8).astype(q.z1.dtype),
        h=lambda q: np.maximum(q.z1, 0) * q.keep,
        dz1=lambda q: q.dh * (q.z1 > 0) * q.keep,
        seen="https://stomioka.github.io/deeplearning/docs/037-gradient-checking.html",
    ),
    "columns of absent classes never written": mistake(
        "W2 differs from call to call",
        dW2=dW2_partly_written,
        seen="https://github.com/pytorch/FBGEMM/pull/5754",
    ),
    # another convention, in the loss and in the gradient
    "sum over the batch and not the mean": mistake(
        *ALL,
        L=lambda q: FORMULAS["L"](q) * q.N,
        ds=lambda q: q.p - q.onehot,
        seen="https://github.com/danijar/layered/issues/1",
    ),
    "penalty without the half": mistake(
        "loss",
        "W1",
        "W2",
        J=lambda q: q.L + q.reg * (np.sum(q.W1**2) + np.sum(q.W2**2)),
        dW1=lambda q: q.X.T @ q.dz1 + 2 * q.reg * q.W1,
        dW2=lambda q: q.h.T @ q.ds + 2 * q.reg * q.W2,
        seen="https://github.com/cs231n/cs231n.github.io/issues/89",
    ),
}
