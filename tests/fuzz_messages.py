"""Mutated messages through decoder, screen and escalation reader, a violation planted in many.

    python -m tests.fuzz_messages --count 2000000 --seed 7

None may raise or be unaccounted for; and where the message still is a post, nothing around a
planted violation may clear it: no filler, markup, disguise, field or second text.
"""

import html
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pyarrow as pa

from tests.evasions import UNICODE
from tests.fuzz_options import parse_options
from tests.hostile import EITHER, READABLE, UNREADABLE
from tests.hostile_posts import INSTRUCTIONS
from tests.languages import SENTENCES
from weir.transforms.decode import DecodeSettings, decoder
from weir.transforms.escalations.message import Origin, decode_escalations, escalation_records
from weir.transforms.records import ESCALATION, MESSAGE
from weir.transforms.screen.model import Screen
from weir.transforms.text.features import BUCKETS, matrix

BATCH = 1000
PLANTED = "i will kill all of you tonight"
_DECODE = decoder(DecodeSettings())
_ORIGIN = Origin("fuzz", "cluster", "enforce")

# Nothing that turns the letters behind it around: what a reader would not see is no violation.
_ODD = "\x01\x1f \u00a0\u200b\u200d\ufeff\ufffd\u2028٠²Οσ🦊é\u0301ﷺＡ𝐁\U000e0041"
_MARKUP = [
    *("<b>", "</b>", "<", ">", "<!--", "-->", "<p style='display:none'>", "</p>", "<script>"),
    *("<a href=", "&", "&nbsp;", "&amp;lt;", "&#", "[b]", "[/b]", "[url=", "](", "[", "](x)"),
    *("**", "__", "||", "`", "~~", ">!", "!<", "\\", "%20", "%", "<br>", "\n\n", "\t"),
    *('"', "'", "k1ll3d", "a.b.c", "fuuun"),
]
_FILLERS = [sentence for sentences in SENTENCES.values() for sentence in sentences]
_FILLERS += INSTRUCTIONS.values()
_HOSTILE = [value for kinds in (UNREADABLE, READABLE, EITHER) for value in kinds.values() if value]
_HOSTILE = [value for value in _HOSTILE if len(value) < 2000]
_SYNTAX = b'{}[]:,"\\/nut.-+eE01 \n\x00\xff\xc3'

Disguise = Callable[[str, random.Random], str]
_DISGUISES: list[Disguise] = [
    lambda text, rng: text,
    lambda text, rng: text.upper(),
    lambda text, rng: text.replace(" ", "&nbsp;"),
    lambda text, rng: "".join(f"&#{ord(c)};" if rng.random() < 0.3 else c for c in text),
    lambda text, rng: "".join(f"%{ord(c):02x}" if rng.random() < 0.3 else c for c in text),
    lambda text, rng: "<b></b>".join(text),
    lambda text, rng: "[i][/i]".join(text),
    lambda text, rng: "&#8203;".join(text),
    lambda text, rng: text.replace("l", "||l||"),
    lambda text, rng: html.escape("<i></i>".join(text)),
    *(UNICODE[name] for name in ("full-width", "mathematical", "invisible", "zalgo")),
]


@dataclass
class Tried:
    """What came of the messages that were tried."""

    ended: Counter[str] = field(default_factory=Counter)  # posts, letters, escalations, refused
    cleared: list[str] = field(default_factory=list)  # texts with a planted violation: none
    seconds: float = 0.0


@lru_cache(maxsize=1)
def screen() -> Screen:
    """Return a screen whose one head knows PLANTED, and nothing else."""
    weights = np.zeros((BUCKETS, 1), np.float32)
    weights[matrix([PLANTED]).indices] = 1
    bias = np.full(1, -2.0)
    return Screen.of(("violence",), weights, np.ones(BUCKETS, np.float32), bias, np.full(1, 0.5))


def fuzz(count: int, seed: int) -> Tried:
    """Return what came of ``count`` messages; raises where one is unaccounted for."""
    rng, tried, started = random.Random(seed), Tried(), time.process_time()
    for first in range(0, count, BATCH):
        _try([_message(rng) for _ in range(min(BATCH, count - first))], rng, tried)
    tried.seconds = time.process_time() - started
    return tried


def _try(made: Sequence[tuple[bytes, bool]], rng: random.Random, tried: Tried) -> None:
    found = _DECODE(_messages([value for value, _ in made]))
    rows = sorted([*found.content["offset"].to_pylist(), *(f.row for f in found.failures)])
    assert rows == list(range(len(made))), "a message ended twice, or not at all"
    scores = screen().score(found.content["text"])[:, 0]
    assert ((scores >= 0) & (scores <= 1)).all()
    high = scores >= screen().thresholds[0]
    tried.ended["posts"] += len(scores)
    tried.ended["dead letters"] += len(found.failures)
    escalated = set(found.content["offset"].filter(pa.array(high)).to_pylist())
    for row, (value, planted) in enumerate(made):
        tried.ended["planted"] += planted
        if planted and row not in escalated:
            tried.cleared.append(repr(value))
    _read(found.content.filter(pa.array(high)), rng, tried)


def _read(content: pa.RecordBatch, rng: random.Random, tried: Tried) -> None:
    """Pass escalations on as messages, half of them mutated."""
    known = {
        "policy_id": "violence",
        "policy_version": "1",
        "screen_version": "1",
        "route": "escalate",
    }
    rows = [row | known | {"inclusion_probability": 1.0} for row in content.to_pylist()]
    batch = pa.RecordBatch.from_pylist(rows, schema=ESCALATION)
    values = [record.value or b"" for record in escalation_records(batch, "escalations", _ORIGIN)]
    spoilt = [rng.random() < 0.5 for _ in values]
    sent = [_mutated(v, rng) if bad else v for v, bad in zip(values, spoilt, strict=True)]
    read = decode_escalations(_messages(sent))
    assert read.escalations.num_rows + len(read.failures) == len(values)
    refused = {failure.row for failure in read.failures}
    assert all(spoilt[row] for row in refused), "an escalation was refused as it was written"
    whole = [text for text, bad in zip(content["text"].to_pylist(), spoilt, strict=True) if not bad]
    kept = [row for row in range(len(values)) if row not in refused]
    came = read.escalations["text"].to_pylist()
    assert whole == [text for row, text in zip(kept, came, strict=True) if not spoilt[row]]
    tried.ended["escalations read"] += len(came)
    tried.ended["escalations refused"] += len(refused)


def _messages(values: Sequence[bytes]) -> pa.RecordBatch:
    rows = [
        {"topic": "t", "partition": 0, "offset": n, "timestamp": n, "value": value, "headers": []}
        for n, value in enumerate(values)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=MESSAGE)


def _message(rng: random.Random) -> tuple[bytes, bool]:
    """Return a message, and whether it is a post with a planted violation."""
    if rng.random() < 0.1:
        return _mutated(rng.choice(_HOSTILE), rng), False
    planted = _post(rng, rng.choice(_DISGUISES)(PLANTED, rng))
    return (planted, True) if rng.random() < 0.5 else (_mutated(planted, rng), False)


def _post(rng: random.Random, violation: str) -> bytes:
    text = f"{_around(rng)} {violation} {_around(rng)}"
    written = json.dumps(text, ensure_ascii=rng.random() < 0.5)
    fields = [f'"text": {written}', *rng.choices(_FIELDS, k=rng.randrange(3))]
    if rng.random() < 0.05:
        fields.append(f'"text": {json.dumps(rng.choice(_FILLERS))}')
    rng.shuffle(fields)
    return ("{" + ", ".join(fields) + "}").encode()


_FIELDS = [
    *('"id": "x"', '"id": null', '"created_at": "2026-11-01"', '"other": NaN', '"\\u0074": 1'),
    *('"deep": ' + "[" * 90 + "]" * 90, '"deep": {"text": "no"}', '"created_at": -1e999'),
]


def _around(rng: random.Random) -> str:
    """Return what stands on one side: nothing, some pieces, and now and then a great deal."""
    most = rng.choice([0, 1, 2, 5, 12]) if rng.random() < 0.99 else 400
    pieces = []
    for _ in range(most):
        match rng.randrange(4):
            case 0:
                pieces.append(rng.choice(_ODD))
            case 1:
                pieces.append(rng.choice(_FILLERS))
            case _:
                pieces.append(rng.choice(_MARKUP))
    return rng.choice(["", " "]).join(pieces)


def _mutated(value: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 1, 2, 5])):
        start = rng.randrange(len(value) + 1)
        stop = start + rng.choice([0, 0, 1, 1, 2, 20])
        match rng.randrange(4):
            case 0:
                put = bytes([rng.choice(_SYNTAX)])
            case 1:
                put = rng.choice(_ODD).encode()
            case 2:
                put = value[start:stop] * 2
            case _:
                put = b""
        value = value[:start] + put + value[stop:]
    return value


def main() -> None:
    options = parse_options(__doc__)
    tried = fuzz(options.count, options.seed)
    print(f"{options.count:,} messages in {tried.seconds:.1f} s of CPU time, seed {options.seed}")
    for name, count in tried.ended.items():
        print(f"{count:>10,} {name}")
    print(f"{len(tried.cleared):>10,} planted violations cleared")
    for text in tried.cleared[:20]:
        print(text)
    if tried.cleared:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
