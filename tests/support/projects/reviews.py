"""Reviews as people write them, put together from words: capitals, stops, emoji, nothing at all."""

from __future__ import annotations

import numpy as np
import pandas as pd

THINGS = "film plot acting food service phone battery screen staff room soup delivery".split()  # noqa: SIM905
GOOD = "great wonderful lovely amazing excellent perfect delicious friendly brilliant fast".split()  # noqa: SIM905
BAD = "terrible awful boring slow broken rude dirty disappointing cold worst".split()  # noqa: SIM905
PLAIN = "okay average usual normal fair plain so-so acceptable".split()  # noqa: SIM905
OPENINGS = ["The", "I think the", "Honestly, the", "My friend says the", "For the price, the"]
ENDS = ["", ".", "!", "!!!", " :)", " - 10/10", "... I'd buy it again", ", isn't it?", " 👍", "\n"]


def reviews(count: int, seed: int = 0, plain: bool = False) -> pd.DataFrame:
    """Reviews with what they say.

    Args:
        count: How many.
        seed: Other seeds give other reviews.
        plain: Whether there are also reviews that are neither positive nor negative.

    Returns:
        The columns ``review`` and ``sentiment``.
    """
    rng = np.random.default_rng(seed)
    words = {"negative": BAD, "positive": GOOD, **({"neutral": PLAIN} if plain else {})}
    rows = []
    for _ in range(count):
        sentiment = str(rng.choice(list(words)))
        parts = [
            f"{rng.choice(OPENINGS)} {rng.choice(THINGS)} was {rng.choice(words[sentiment])}"
            for _ in range(rng.integers(1, 8))
        ]
        text = " and ".join(parts) + str(rng.choice(ENDS))
        rows.append((text.upper() if rng.random() < 0.1 else text, sentiment))
    if seed:  # what was never in the training data
        odd = [
            "",
            "   ",
            "Zxqv??",
            "café déjà-vu, naïve 東京",
            "GREAT\tgreat\nGREAT",
            "it's 'fine'",
        ]
        rows[: len(odd)] = [(text, "positive") for text in odd]
    return pd.DataFrame(rows, columns=["review", "sentiment"])
