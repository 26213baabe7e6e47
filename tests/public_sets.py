"""Made-up posts in the forms of the public sets, for what reads those: none is quoted."""

import csv
import gzip
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

# The word that makes a post violate a policy. No such word exists.
MARKS = {
    "sexual-content": "vlorbing",
    "hate": "grunkish",
    "violence": "skarping",
    "harassment": "plothead",
    "self-harm": "drellmoor",
    "spam": "quixcoins",
}
_OPENAI = {
    "S": "sexual-content",
    "H": "hate",
    "V": "violence",
    "HR": "harassment",
    "SH": "self-harm",
}
_LETTERS = "bcdfghklmnprstvw", "aeiou"


def write_public_sets(folder: Path, posts: int, seed: int = 1) -> Path:
    """Write all sets and ordinary streams, so many posts of each, below a folder; return it.

    A third of OpenAI's violate each of its policies, a tenth of Davidson's are hate.
    """
    made = _Posts(random.Random(seed))
    openai = folder / "openai_moderation_2022" / "samples-1680.jsonl.gz"
    _lines(openai, [made.of_openai() for _ in range(posts)])
    tweets = [("0", made.post("hate")) if n % 10 == 0 else (str(1 + n % 2), made.post())
              for n in range(posts)]  # fmt: skip
    _table(folder / "davidson" / "labeled_data.csv", ("class", "tweet"), tweets)
    toxic = [("Toxic", made.post("harassment")) if n % 2 else ("Not Toxic", made.post())
             for n in range(posts)]  # fmt: skip
    _table(folder / "surge_toxicity" / "toxicity_en.csv", ("is_toxic", "text"), toxic)
    spam = [*_section(made, "SP0", None, posts), *_section(made, "SP2", "spam", posts)]
    golden = folder / "gpt_oss_safeguard_spam_golden" / "golden_dataset.csv"
    _table(golden, ("number", "text"), spam)
    talk = folder / "wikipedia_talk"
    _lines(talk / "labelled.jsonl.gz", [made.of_wikipedia(n) for n in range(posts)])
    mixed = [{"text": made.post("harassment" if n % 2 else None), "toxic": bool(n % 2)}
             for n in range(posts)]  # fmt: skip
    _lines(talk / "toxic.jsonl.gz", mixed)
    for name in ("reddit", "bank_questions", "product_reviews"):
        ordinary = [{"text": made.post()} for _ in range(posts)]
        _lines(folder / "ordinary" / f"{name}.jsonl.gz", ordinary)
    return folder


class _Posts:
    def __init__(self, random: random.Random) -> None:
        self._random = random
        self._words = ["".join(self._syllable() for _ in range(3)) for _ in range(3000)]

    def post(self, *policies: str | None) -> str:
        words = self._random.choices(self._words, k=10)
        words += [MARKS[policy] for policy in policies if policy]
        self._random.shuffle(words)
        return " ".join(words)

    def of_openai(self) -> dict[str, Any]:
        labels = {name: int(self._random.random() < 1 / 3) for name in _OPENAI}
        violated = [_OPENAI[name] for name, label in labels.items() if label]
        return {"prompt": self.post(*violated), **labels}

    def of_wikipedia(self, number: int) -> dict[str, Any]:
        policies = ("hate", "harassment", "violence") if number % 4 == 0 else ()
        labels = dict.fromkeys(("hate", "harassment", "violence"), bool(policies))
        return {"text": self.post(*policies), "toxic": bool(policies), **labels}

    def _syllable(self) -> str:
        return "".join(self._random.choice(letters) for letters in _LETTERS)


def _section(made: _Posts, name: str, policy: str | None, posts: int) -> Iterable[tuple[str, str]]:
    yield name, "a section of the policy"
    yield from ((str(number), made.post(policy)) for number in range(posts // 4))


def _lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))


def _table(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
