"""Made-up posts that a head can learn from: some say a bad word, the others do not."""

import numpy as np

from weir.transforms.screen.training.labelled import LabelledPost, LabelledSet
from weir.transforms.text.languages import FUNCTION_WORDS

# Words of no language, so that all posts are of one group.
_WORDS = tuple(
    word
    for word in (f"{a}{b}{c}" for a in "bdfgklmn" for b in "aeiou" for c in "prstz")
    if not any(word in listed.split() for listed in FUNCTION_WORDS.values())
)


def posts(count: int, bad: int, policy_id: str = "bad", seed: int = 0) -> list[LabelledPost]:
    """Return ``count`` distinct posts, of which the first ``bad`` violate the policy."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        words = random.choice(_WORDS, 10).tolist()
        if number < bad:
            words.insert(int(random.integers(10)), "verybadword")
        found.append(LabelledPost(" ".join(words), {policy_id: number < bad}))
    return found


def labelled(
    *rows: LabelledPost, calibrates: bool = True, name: str = "posts", judged: bool = False
) -> LabelledSet:
    """Return posts as a set."""
    return LabelledSet(name, f"{name}.csv", "CC0", "0" * 64, rows, calibrates, judged)
