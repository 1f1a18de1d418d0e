"""Correct two-layer networks in other people's styles: other names, conventions and layouts.

Each is a candidate for ``oracle.check``, with its conventions.
"""

from types import SimpleNamespace

import numpy as np

import oracle
from oracle import Conventions

from .candidates import candidate
from .correct import CORRECT


def course(params, X, y, reg):
    """Return a course's answer: the penalty without its ½, 1 subtracted in place, the mask from h."""
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    N = X.shape[0]
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    scores = scores - np.max(scores, axis=1, keepdims=True)
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    loss = np.sum(np.log(np.sum(exp_scores, axis=1)) - scores[np.arange(N), y]) / N
    loss += reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    dscores = probs
    dscores[range(N), y] -= 1
    dscores /= N
    grads = {"W2": hidden.T.dot(dscores), "b2": np.sum(dscores, axis=0)}
    dhidden = dscores.dot(W2.T)
    dhidden[hidden <= 0] = 0
    grads["W1"], grads["b1"] = X.T.dot(dhidden), np.sum(dhidden, axis=0)
    grads["W2"] += 2 * reg * W2
    grads["W1"] += 2 * reg * W1
    return loss, grads


def columns(weights, biases, x, t, lam):
    """Return a book's answer: examples in columns, weights (H, D), one-hot targets, a sum; gradients in two lists."""
    z = weights[0] @ x.T + biases[0][:, None]
    a = z * (z > 0)
    s = weights[1] @ a + biases[1][:, None]
    s = s - s.max(0)
    log_p = s - np.log(np.exp(s).sum(0))
    delta = np.exp(log_p) - t.T
    inner = (weights[1].T @ delta) * (z > 0)
    cost = -np.sum(t.T * log_p) + lam / 2 * sum(np.linalg.norm(w) ** 2 for w in weights)
    return cost, [inner @ x + lam * weights[0], delta @ a.T + lam * weights[1]], [inner.sum(1), delta.sum(1)]


def from_columns(params, X, y, reg):
    cost, dw, db = columns([params["W1"], params["W2"]], [params["b1"], params["b2"]], X, y, reg)
    return cost, (dw[0], db[0], dw[1], db[1])


def online(params, X, y, reg):
    """Add up one example after the other, and take the means of the gradients at the end."""
    W1, b1, W2, b2 = params.values()
    total = SimpleNamespace(
        loss=0.0, W1=np.zeros_like(W1), b1=np.zeros_like(b1), W2=np.zeros_like(W2), b2=np.zeros_like(b2)
    )
    for x, label in zip(X.astype(W1.dtype), y.tolist()):
        z = W1.T @ x + b1
        h = np.where(z > 0, z, 0)
        s = W2.T @ h + b2
        e = np.exp(s - s.max())
        ds = e / e.sum()
        total.loss += np.log(e.sum()) - (s[label] - s.max())
        ds[label] = -(ds.sum() - ds[label])
        total.W2 += np.outer(h, ds)
        total.b2 += ds
        dz = np.where(z > 0, W2 @ ds, 0)
        total.W1 += np.outer(x, dz)
        total.b1 += dz
    N = len(X)
    total.loss = total.loss / N + 0.5 * reg * (np.vdot(W1, W1) + np.vdot(W2, W2))
    for name in ("W1", "b1", "W2", "b2"):
        g = getattr(total, name)
        g /= N
    total.W1 += reg * W1
    total.W2 += reg * W2
    return total.loss, total


def decayed(params, X, y, reg):
    """Apply weight decay to everything, biases included, as an optimiser does."""
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    X = X.astype(W1.dtype)
    pre = np.einsum("nd,dh->nh", X, W1) + b1
    mask = (pre > 0).astype(pre.dtype)
    logits = np.einsum("nh,hc->nc", pre * mask, W2) + b2
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    loss = -np.mean(np.take_along_axis(log_probs, y[:, None].astype(int), axis=-1))
    dlogits = np.exp(log_probs)
    np.add.at(dlogits, (np.arange(len(y)), y), -1)
    dlogits = dlogits / len(y)
    dpre = np.einsum("nc,hc->nh", dlogits, W2) * mask
    grads = {
        "W1": np.einsum("nd,nh->dh", X, dpre),
        "b1": np.einsum("nh->h", dpre),
        "W2": np.einsum("nh,nc->hc", pre * mask, dlogits),
        "b2": np.einsum("nc->c", dlogits),
    }
    for name, p in params.items():
        loss += 0.5 * reg * np.sum(np.square(p))
        grads[name] = grads[name] + np.asarray(reg, p.dtype) * p
    return loss, grads


def unshifted(params, X, y, reg):
    """Take log Σ eˢ by logaddexp, which needs no shift but loses some digits."""
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    h = np.maximum(X @ W1 + b1, 0)
    s = h @ W2 + b2
    lse = np.logaddexp.reduce(s, axis=1)
    p = np.exp(s - lse[:, None])
    ds = (p - (y[:, None] == np.arange(len(b2)))) / len(X)
    dh = (ds @ W2.T) * np.sign(h)
    loss = np.mean(lse - s[np.arange(len(X)), y]) + reg / 2 * ((W1**2).sum() + (W2**2).sum())
    return loss, {"W1": X.T @ dh + reg * W1, "b1": dh.sum(0), "W2": h.T @ ds + reg * W2, "b2": ds.sum(0)}


STYLES = {
    "a course's homework": (course, Conventions(half=False)),
    "columns, lists, one-hot labels, (H, D), a sum": (
        oracle.adapt(from_columns, one_hot=True, transposed=True),
        Conventions(mean=False),
    ),
    "example by example, gradients as attributes": (oracle.adapt(online), Conventions()),
    "einsum, weight decay on all": (decayed, Conventions(biases=True)),
    "log-sum-exp without a shift": (unshifted, Conventions()),
}


def under(conventions, of):
    """Return a candidate with the default conventions under other ones."""

    def loss_and_grad(params, X, y, reg):
        weight = 1 if conventions.mean else len(X)
        strength = reg if conventions.half else 2 * reg
        loss, grads = of(params, X, y, strength / weight)
        loss, grads = weight * loss, {name: weight * g for name, g in grads.items()}
        for name, p in params.items():
            if conventions.biases and name.startswith("b"):
                loss += strength / 2 * np.sum(np.square(p))
                grads[name] = grads[name] + p.dtype.type(strength) * p
        return loss, grads

    return loss_and_grad


ALL = [Conventions(mean, half, biases) for mean in (True, False) for half in (True, False) for biases in (True, False)]


def correct_programs():
    """Return every correct program by name, with its conventions."""
    found = dict(STYLES)
    for name, formulas in CORRECT.items():
        for conventions in ALL:
            of = candidate(formulas)
            found[f"{name}, {conventions}"] = (
                of if conventions == Conventions() else under(conventions, of),
                conventions,
            )
    return found
