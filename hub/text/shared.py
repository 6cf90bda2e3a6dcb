"""What several texts have in common: the words and names by which a person sees at once what a warning is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hub.text.matter_words import read_words

READ = 200  # texts; of more, the first


def shared_words(texts: Sequence[tuple[str, str]], *, most: int = 8) -> list[tuple[str, int]]:
    """Words and names of places that most of the texts share, and how many of the texts each stands in.

    A word counts once a text, and stands for itself only where no longer shared one holds it. Those of the most texts come
    first, then the longer ones, then by their characters: the same texts give the same words in any order.

    Args:
        texts: Title and body of each; two at least, or nothing is shared.
        most: At most so many words.
    """
    texts = texts[:READ]
    if len(texts) < 2:
        return []
    counts: Counter[str] = Counter()
    for title, body in texts:
        words = read_words(title, body)
        said = {
            word for word in (*words.title, *words.body, *words.places) if len(word) > 1 and "*" not in word
        }
        counts.update(said)
    least = max(2, (len(texts) + 1) // 2)
    ranked = sorted(
        ((word, count) for word, count in counts.items() if count >= least),
        key=lambda one: (-one[1], -len(one[0]), one[0]),
    )
    kept: list[tuple[str, int]] = []
    for word, count in ranked:
        if not any(word in longer for longer, _ in kept):
            kept.append((word, count))
    return kept[:most]
