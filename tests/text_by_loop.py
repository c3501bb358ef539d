"""The texts' scores as plain loops: characters by Python's own decoder, n-grams in sets, counts in dictionaries, one review at a time.

Only the folding table and the weight of one n-gram are the product's; both have tests of their own in tests/features/test_text.py.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import cache

import numpy as np

from features.text import DOUBT, LEAST_REVIEWS
from features.text_ngrams import BITS, LONGEST, MOST_CHARACTERS, folded_characters
from features.text_weights import weigh

Review = tuple[str, float, int]
"""Text, stars, and the quarter in which the review became known (quarters since the first of 1970)."""


def read_plainly(text: bytes) -> str:
    """The characters of a text by the rules of `features.text_ngrams`, with Python's own decoder."""
    characters, at = "", 0
    while at < len(text) and len(characters) < MOST_CHARACTERS:
        for width in range(1, 5):
            with suppress(UnicodeDecodeError):
                character = text[at : at + width].decode()
                break
        else:
            character, width = "\ufffd", 1
        characters += character
        at += width
    table = folded_characters()
    folded = "".join(chr(table[ord(c)]) if ord(c) < 0x10000 else c for c in characters).replace("\0", "")
    words = " ".join(word for word in folded.split(" ") if word)
    return f" {words} " if words else ""


@cache
def buckets_plainly(text: bytes) -> frozenset[int]:
    characters, found = read_plainly(text), set[int]()
    for n in range(1, LONGEST + 1):
        for i in range(len(characters) - n + 1):
            h = 0x243F6A8885A308D3
            for character in characters[i : i + n]:
                h = (h ^ ord(character)) * 0x9E3779B97F4A7C15 % 2**64
                h ^= h >> 32
            found.add(h >> (64 - BITS))
    return frozenset(found)


def scores_by_loop(reviews: Iterable[Review]) -> dict[tuple[str, int], int]:
    """The score of each text in each quarter in which it was written, learned from the reviews of earlier quarters."""
    told = list(reviews)
    found: dict[tuple[str, int], int] = {}
    seen: tuple[Counter[int], Counter[int]] = Counter(), Counter()
    shown = [0, 0]
    for quarter in sorted({of for _, _, of in told}):
        for text, _, of in told:
            if of == quarter and (text, of) not in found:
                found[text, of] = _score(text, seen, shown)
        for text, stars, of in told:
            buckets = buckets_plainly(text.encode())
            if of == quarter and buckets and not 2 < stars < 4:
                seen[stars >= 4].update(buckets)
                shown[stars >= 4] += 1
    return found


def _score(text: str, seen: tuple[Counter[int], Counter[int]], shown: list[int]) -> int:
    buckets = sorted(buckets_plainly(text.encode()))
    if not buckets or min(shown) < LEAST_REVIEWS:
        return 0
    w = weigh(np.array([[seen[0][b], seen[1][b]] for b in buckets]), np.array(shown)).tolist()
    below = sum(abs(x) + DOUBT for x in w)
    return int((2 * sum(x * abs(x) for x in w) + 10 * below) // (20 * below))
