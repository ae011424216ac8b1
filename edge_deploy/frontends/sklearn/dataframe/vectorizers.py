"""scikit-learn's text vectorizers: what they count, as the spec of a text feature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import Text
from edge_deploy.data.preprocessing.regex import portable

VECTORIZERS = ("CountVectorizer", "HashingVectorizer", "TfidfVectorizer")


def text_of(vectorizer: Any) -> Text:
    """How a fitted vectorizer counts: sklearn.feature_extraction.text._VectorizerMixin.

    Raises:
        ConversionError: It calls functions of its author's, or reads files; it is named.
    """
    name = type(vectorizer).__name__
    own = [
        part
        for part in ("analyzer", "preprocessor", "tokenizer", "strip_accents")
        if callable(getattr(vectorizer, part))
    ]
    if own:
        function = getattr(vectorizer, own[0])
        called = getattr(function, "__name__", type(function).__name__)
        raise ConversionError(
            f"{name}: {own[0]}={called} is a function of its author's, which phones and browsers "
            "cannot run. What can: analyzer 'word', 'char' or 'char_wb', with token_pattern, "
            "lowercase, strip_accents 'ascii' or 'unicode', stop_words, ngram_range, binary."
        )
    if vectorizer.input != "content":
        raise ConversionError(
            f"{name}: input={vectorizer.input!r} reads files. Fit it on the texts themselves."
        )
    word = vectorizer.analyzer == "word"
    try:
        pattern = portable(vectorizer.token_pattern) if word else None
    except ValueError as error:
        raise ConversionError(f"{name}: token_pattern {error}.") from error
    low, high = map(int, vectorizer.ngram_range)
    places: dict[str, int] = getattr(vectorizer, "vocabulary_", {})
    hashes = name == "HashingVectorizer"
    # Of single words that count, none is a stop word: the list would only make the file longer.
    stop = vectorizer.get_stop_words() if word and (hashes or high > 1) else None
    return Text(
        analyzer=vectorizer.analyzer,
        lowercase=bool(vectorizer.lowercase),
        strip_accents=vectorizer.strip_accents,
        token_pattern=vectorizer.token_pattern if word else None,
        portable_pattern=pattern,
        ngram_range=(low, high),
        stop_words=tuple(sorted(stop or ())),
        vocabulary=None if hashes else tuple(sorted(places, key=places.__getitem__)),
        buckets=int(vectorizer.n_features) if hashes else None,
        signed=hashes and bool(vectorizer.alternate_sign),
        binary=bool(vectorizer.binary),
    )


def count_in(vectorizer: Any, own: Callable[[], slice]) -> Any:
    """What a vectorizer does with counts, and teach the original to take counts for texts.

    The converted graph starts from counts, as the edge makes them; so does the comparison.

    Args:
        vectorizer: A fitted one.
        own: Where its counts are among all of the column's, once that is known.

    Returns:
        The transformer that is left: TfidfTransformer, Normalizer, or "passthrough".
    """
    import scipy.sparse
    from sklearn.preprocessing import Normalizer

    rest: Any = "passthrough"
    if type(vectorizer).__name__ == "TfidfVectorizer":
        rest = vectorizer._tfidf
    elif type(vectorizer).__name__ == "HashingVectorizer" and vectorizer.norm is not None:
        rest = Normalizer(vectorizer.norm)
    texts = type(vectorizer).transform

    def transform(documents: Any) -> Any:
        given = list(documents)
        if not given or not isinstance(given[0], np.ndarray):
            return texts(vectorizer, given)
        counts = scipy.sparse.csr_matrix(np.stack(given)[:, own()].astype(np.float64))
        return counts if isinstance(rest, str) else rest.transform(counts)

    vars(vectorizer)["transform"] = transform
    return rest
