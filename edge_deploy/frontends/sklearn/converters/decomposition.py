"""Transformers that turn columns into weighted sums of columns, or of kernels of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.linear_model import dense, product
from edge_deploy.frontends.sklearn.converters.registry import (
    IDENTITY,
    Affine,
    Staged,
    Transform,
    real,
    transformer,
)
from edge_deploy.frontends.sklearn.converters.svm import Kernel, expansion, kernel


def _projected(weights: Array, centre: Any = None) -> Transform:
    """``(x - centre) @ weights.T``."""
    weights = dense(weights)
    before = IDENTITY if centre is None else Affine(np.asarray(centre, np.float64))
    return product(weights, np.zeros(len(weights)), before)


@transformer("IncrementalPCA", "PCA")
def principal(model: Any) -> Transform:
    """sklearn.decomposition._base._BasePCA.transform: (x - mean_) @ components_.T."""
    turned = np.asarray(model.components_, np.float64)
    if model.whiten:
        spread = np.sqrt(np.asarray(model.explained_variance_, np.float64))
        smallest = np.finfo(np.asarray(model.explained_variance_).dtype).eps
        turned = turned / np.maximum(spread, smallest)[:, np.newaxis]
    return _projected(turned, model.mean_)


@transformer(
    "GaussianRandomProjection", "NeighborhoodComponentsAnalysis", "SparseRandomProjection",
    "TruncatedSVD",
)  # fmt: skip
def components(model: Any) -> Transform:
    """sklearn.decomposition.TruncatedSVD.transform: x @ components_.T."""
    return _projected(model.components_)


@transformer("FastICA")
def independent(model: Any) -> Transform:
    """sklearn.decomposition.FastICA.transform: (x - mean_) @ components_.T, if it whitens."""
    return _projected(model.components_, model.mean_ if model.whiten else None)


@transformer("FactorAnalysis")
def factors(model: Any) -> Transform:
    """sklearn.decomposition.FactorAnalysis.transform: the factors' mean, given the columns.

    Barber, Bayesian reasoning and machine learning, 21.18.
    """
    loadings = np.asarray(model.components_, np.float64)
    weighed = loadings / np.asarray(model.noise_variance_, np.float64)
    spread = np.linalg.inv(np.eye(len(loadings)) + weighed @ loadings.T)
    return _projected(spread.T @ weighed, model.mean_)


@transformer("MiniBatchSparsePCA", "SparsePCA")
def sparse_principal(model: Any) -> Transform:
    """sklearn.decomposition.SparsePCA.transform: ridge regression of x - mean_ on components_."""
    c = np.asarray(model.components_, np.float64)
    inverse = np.linalg.inv(c @ c.T + float(model.ridge_alpha) * np.eye(len(c)))
    return _projected(inverse @ c, model.mean_)


@transformer("FeatureAgglomeration")
def agglomerated(model: Any) -> Transform:
    """sklearn.cluster.FeatureAgglomeration.transform: the mean of each group of columns."""
    if getattr(model.pooling_func, "__name__", "") != "mean":
        raise ConversionError(
            "FeatureAgglomeration with a pooling_func of another kind cannot be converted; "
            "numpy.mean can."
        )
    labels = np.asarray(model.labels_)
    member = labels == np.unique(labels)[:, np.newaxis]
    return _projected(member / member.sum(axis=1, keepdims=True))


@transformer("LinearDiscriminantAnalysis")
def discriminants(model: Any) -> Transform:
    """sklearn.discriminant_analysis.LinearDiscriminantAnalysis.transform: x @ scalings_."""
    if model.solver == "lsqr":
        raise ConversionError(
            "LinearDiscriminantAnalysis with solver='lsqr' transforms nothing, in scikit-learn "
            "too. Fit it with solver='svd'."
        )
    kept = np.asarray(model.scalings_, np.float64)[:, : int(model._max_components)]
    return _projected(kept.T, model.xbar_ if model.solver == "svd" else None)


@transformer("CCA", "PLSCanonical", "PLSRegression", "PLSSVD")
def least_squares(model: Any) -> Transform:
    """sklearn.cross_decomposition.PLSRegression.transform: the scaled x @ x_rotations_."""
    name = "x_weights_" if type(model).__name__ == "PLSSVD" else "x_rotations_"
    turned = np.asarray(getattr(model, name), np.float64).T
    return _projected(turned / np.asarray(model._x_std, np.float64), model._x_mean)


@transformer("BernoulliRBM")
def hidden(model: Any) -> Transform:
    """sklearn.neural_network.BernoulliRBM.transform: sigmoid(x @ components_.T + intercept)."""
    weights = np.asarray(model.components_, np.float64)
    value = product(weights, np.ravel(model.intercept_hidden_), IDENTITY)
    return lambda x: tf.sigmoid(value(x))


@transformer("KernelPCA")
def kernel_principal(model: Any) -> Transform | Staged:
    """sklearn.decomposition.KernelPCA.transform: the centred kernel @ the scaled eigenvectors.

    Centring takes each row's mean, and the fitted rows' means, off the kernel; both are linear
    in it, and so go into the weights and the bias.
    """
    rows = dense(model.X_fit_)
    sizes = np.asarray(model.eigenvalues_, np.float64)
    vectors = np.asarray(model.eigenvectors_, np.float64)
    some = sizes != 0
    weights = np.where(some, vectors, 0.0) / np.sqrt(np.where(some, sizes, 1.0))
    centerer = model._centerer
    means, whole = np.asarray(centerer.K_fit_rows_, np.float64), float(centerer.K_fit_all_)
    bias = whole * weights.sum(axis=0) - means @ weights
    of = _kernel(model, getattr(model, "gamma_", model.gamma))
    return _mapped(of, rows, weights - weights.mean(axis=0), bias)


@transformer("Nystroem")
def landmarks(model: Any) -> Transform | Staged:
    """sklearn.kernel_approximation.Nystroem.transform: a kernel, @ normalization_.T."""
    rows = dense(model.components_)
    weights = np.asarray(model.normalization_, np.float64).T
    of = _kernel(model, model.gamma)
    return _mapped(of, rows, weights, np.zeros(weights.shape[1]))


def _mapped(of: Kernel, rows: Array, weights: Array, bias: Array) -> Transform | Staged:
    """``kernel(x, rows) @ weights + bias``, for what follows to fold.

    Rows that are much alike give weights of 1e6 and more, whose sums are small: what float32
    loses in them a linear model wins back by adding them up in float64 beforehand.
    """
    if of.name in ("linear", "cosine"):
        return expansion(of, rows, weights, bias, IDENTITY)
    return Staged(kernel(of, rows, IDENTITY), Affine(offset=bias, turn=weights))


def _kernel(model: Any, gamma: Any) -> Kernel:
    """The kernel of a transformer: sklearn.metrics.pairwise's defaults where it says nothing."""
    if getattr(model, "kernel_params", None):
        raise ConversionError(
            f"{type(model).__name__} with kernel_params cannot be converted. Give gamma, coef0 and "
            "degree as its own parameters."
        )
    columns = int(model.n_features_in_)
    return Kernel(
        model.kernel,
        1.0 / columns if gamma is None else float(gamma),
        1.0 if model.coef0 is None else float(model.coef0),
        3.0 if model.degree is None else float(model.degree),
    )


@transformer("RBFSampler", "SkewedChi2Sampler")
def waves(model: Any) -> Transform:
    """sklearn.kernel_approximation.RBFSampler.transform: cosines of random projections.

    SkewedChi2Sampler does it to the logarithms of x + skewedness.
    """
    weights = np.asarray(model.random_weights_, np.float64).T
    phase = product(weights, np.ravel(model.random_offset_), IDENTITY)
    size = real()(np.sqrt(2.0 / len(weights)))
    if type(model).__name__ == "RBFSampler":
        return lambda x: tf.cos(phase(x)) * size
    skewed = real()(model.skewedness)
    return lambda x: tf.cos(phase(tf.math.log(x + skewed))) * size


@transformer("AdditiveChi2Sampler")
def chi_squared(model: Any) -> Transform:
    """sklearn.kernel_approximation.AdditiveChi2Sampler.transform, of columns that are not below 0.

    Vedaldi and Zisserman, Efficient additive kernels via explicit feature maps, 2011.
    """
    count = int(model.sample_steps)
    interval = model.sample_interval
    if interval is None and not 1 <= count <= 3:
        raise ConversionError(
            f"AdditiveChi2Sampler(sample_steps={count}) has no sample_interval, without which "
            "scikit-learn refuses it, too. Give it one and fit again."
        )
    step = {1: 0.8, 2: 0.5, 3: 0.4}[count] if interval is None else float(interval)

    def transform(x: Any) -> Any:
        some = tf.cast(x > 0.0, real())
        known = tf.where(x > 0.0, x, tf.ones_like(x))
        logs, parts = tf.math.log(known) * real()(step), [tf.sqrt(known * real()(step)) * some]
        for n in range(1, count):
            size = tf.sqrt(known * real()(2 * step / np.cosh(np.pi * n * step))) * some
            parts += [size * tf.cos(logs * real()(n)), size * tf.sin(logs * real()(n))]
        return tf.concat(parts, axis=1)

    return transform


@transformer("KernelCenterer")
def centred(model: Any) -> Transform:
    """sklearn.preprocessing.KernelCenterer.transform, of a kernel's columns."""
    mean = np.asarray(model.K_fit_rows_, np.float64) - float(model.K_fit_all_)
    count = float(len(mean))
    moved = mean.astype(real())
    return lambda x: x - moved - tf.reduce_sum(x, axis=1, keepdims=True) / real()(count)


@transformer("PolynomialCountSketch")
def sketch(model: Any) -> Transform:
    """sklearn.kernel_approximation.PolynomialCountSketch.transform, without a Fourier transform.

    Each sketch is a product with a matrix of signs, and so is its transform: its real and its
    imaginary part are columns of cosines and of sines. Pham and Pagh, Fast and scalable
    polynomial kernels via explicit feature maps, 2013.
    """
    places, signs = np.asarray(model.indexHash_), np.asarray(model.bitHash_, np.float64)
    size = int(model.n_components)
    angle = 2 * np.pi * np.outer(np.arange(size), np.arange(size)) / size
    cosines, sines = np.cos(angle), np.sin(angle)
    parts = []
    for place, sign in zip(places, signs, strict=True):
        signed = sign[:, np.newaxis] * np.eye(size)[place]
        bias = np.zeros(size)
        if model.coef0 != 0:
            bias, signed = np.sqrt(model.coef0) * signed[-1], signed[:-1]
        signed = np.sqrt(model.gamma) * signed
        parts.append([(product((signed @ w).T, bias @ w, IDENTITY)) for w in (cosines, -sines)])
    back = [(w / size).astype(real()) for w in (cosines, sines)]

    def transform(x: Any) -> Any:
        real_part, imaginary = (one(x) for one in parts[0])
        for more in parts[1:]:
            a, b = (one(x) for one in more)
            real_part, imaginary = real_part * a - imaginary * b, real_part * b + imaginary * a
        return tf.matmul(real_part, back[0]) - tf.matmul(imaginary, back[1])

    return transform
