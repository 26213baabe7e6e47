"""What one hostile message costs: ``python -m tests.benchmarks.hostile``, at full size minutes.

A message of each kind goes alone, in a process of its own, the whole way that a worker has for it:
out of its record batch, decoded, screened, written as a judge's prompt, as rows and as messages, or
as a dead letter. Exits with 1 where one takes more than 10 s or 1 GB, or is not accounted for.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from kafka import TopicPartition
from kafka.record.default_records import DefaultRecordBatch

from tests.record_batches import Row, record_batch
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.dead_letters import dead_letters
from weir.transforms.decode import DecodeSettings, attributes, decoder
from weir.transforms.decode.oversized import MAX_POST_BYTES
from weir.transforms.judge.harmony.prompt import render
from weir.transforms.kafka.fetched_records import Fetched
from weir.transforms.kafka.whole_batches import WholeBatch
from weir.transforms.records import Stage
from weir.transforms.screen import STARTER, Screen
from weir.transforms.screen.model import scores_of
from weir.transforms.write.bigquery.rows import ROWS, cut, project
from weir.transforms.write.dead_letter_topic import letter_records, strip_letter

MOST_SECONDS = 10.0
MOST_BYTES = 1 << 30
_ENVELOPE = 100  # bytes of a message around its text


def _text(unit: str) -> Callable[[int], bytes]:
    """Return a maker of posts whose text repeats a unit, of so many bytes as JSON."""

    def made(size: int) -> bytes:
        room = size - _ENVELOPE
        text = unit * max(1, room // len(unit.encode()))
        if len(written := _post(text)) > size:  # what JSON escapes takes more
            written = _post(text[: len(text) * room // len(written)])
        return written

    return made


def _post(text: str) -> bytes:
    post = {"id": "x", "text": text}
    return json.dumps(post, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _around(before: str, unit: str, after: str) -> Callable[[int], bytes]:
    """Return a maker of messages with a short text and much else."""

    def made(size: int) -> bytes:
        return (before + unit * ((size - _ENVELOPE) // len(unit)) + after).encode()

    return made


# By a name: a maker of a message value of about so many bytes.
VALUES: dict[str, Callable[[int], bytes]] = {
    "one letter": _text("x"),
    "words": _text("buy cheap followers now "),
    "other words": lambda size: _post(" ".join(f"w{n}" for n in range(size // 8))),
    "blanks": _text(" "),
    "newlines": _text("\n"),
    "NULs": _text("\0"),
    "quotes": _text('"\\'),
    "a letter that becomes eighteen": _text("\ufdfa"),
    "combining marks": _text("a\u0300\u0316\u0334"),
    "one letter under marks": lambda size: _post("a" + "\u0316\u0300" * (size // 4)),
    "Hangul in pieces": _text("\u1112\u1161\u11ab"),
    "invisible": _text("a\u200b\u2060"),
    "full width": _text("\uff42\uff55\uff59 "),
    "mathematical": _text("\U0001d41b\U0001d42e\U0001d432 "),
    "look-alikes": _text("b\u03c5\u0443 "),
    "spaced out": _text("b u y . "),
    "leetspeak": _text("8uy ch34p f0ll0w3r5 "),
    "emoji": _text("\U0001f468\u200d\U0001f469\u200d\U0001f467"),
    "flags": _text("\U0001f1e6\U0001f1fa"),
    "right to left": _text("\u202eabc\u202c"),
    "Chinese": _text("\u4fbf\u5b9c"),
    "half characters": lambda size: b'{"text": "' + b"\\ud800" * (size // 6) + b'"}',
    "entities": _text("&#98;&amp;amp;"),
    "entities without an end": _text("&#x"),
    "tags": _text("<b><i>x</i></b>"),
    "tags without an end": _text("<a "),
    "BBCode": _text("[b]x[/b]"),
    "brackets": _text("[("),
    "Markdown links": _text("[x](http://a.b/c) "),
    "spoilers": _text("||x||"),
    "stars": _text("*_~`"),
    "a cell for each letter": _text("<td>x</td>"),
    "brackets for each letter": _text("[k][i](y)[1]"),
    "signs around each letter": _text("]][[x"),
    "words that signs break": _text("k\\ill y/ou "),
    "percent": _text("%62%2575"),
    "addresses": _text("http://a.b/%"),
    "control tokens": _text("<|end|><|start|>"),
    "deep arrays": _around('{"text": "a", "x": ', "[", ""),
    "deep objects": _around('{"text": "a", "x": ', '{"x":', ""),
    "deep before the text": lambda size: (
        b'{"x": ' + b"[" * (size // 2) + b"]" * (size // 2) + b', "text": "a"}'
    ),
    "many fields": lambda size: json.dumps(
        {"text": "a"} | {f"f{n}": n for n in range(size // 20)}
    ).encode(),
    "many texts": _around('{"text": "a"', ', "text": "b"', "}"),
    "a broken field and many more": _around('{"n": NaN, "text": "a"', ', "f": 0', "}"),
    "a number without end": _around('{"text": "a", "x": ', "9", "}"),
    "a string without end": _around('{"text": "a", "x": "', "\\\\", ""),
    "a name without end": _around('{"text": "a", "', "x", '": 1}'),
    "no JSON": lambda size: b"\xff\x00<" * (size // 3),
    "colons": _around("{", '"":', ""),
}
# By a name: a maker of the rows of a record batch, which is then compressed.
BATCHES: dict[str, Callable[[int], list[Row]]] = {
    "headers": lambda size: [Row(0, value=_post("a"), headers=[("h", b"v")] * (size // 4))],
    "a key": lambda size: [Row(0, key=b"k" * size, value=_post("a"))],
    "a batch of one letter": lambda size: [Row(0, value=b"x" * (size * 150)), Row(1, value=b"a")],
    "a batch of nothing": lambda size: [Row(n) for n in range(min(size, 10_000))],
}


@dataclass(frozen=True)
class Cost:
    """What a message of one kind, or a batch of them, cost."""

    kind: str
    messages: int
    posts: int
    letters: int
    seconds: float  # of processor time
    megabytes: float  # of the process, at most

    @property
    def failed(self) -> bool:
        """Return whether it is too much, or messages are missing."""
        dear = self.seconds > MOST_SECONDS or self.megabytes * (1 << 20) > MOST_BYTES
        return dear or self.posts + self.letters != self.messages


class Worker:
    """What a worker has loaded before a message comes."""

    def __init__(self) -> None:
        self.policies, self.screen = load_policies(str(LIBRARY)), Screen.load(STARTER)
        self.settings = DecodeSettings()
        self.decode = decoder(self.settings)

    def take(self, data: bytes) -> tuple[int, int]:
        """Take a record batch all the way; return how many posts and how many letters it held."""
        posts = letters = 0
        records = list(WholeBatch(DefaultRecordBatch(data)))
        fetched = Fetched(TopicPartition("posts", 0), records, 0, 1 << 40)
        while fetched:
            batch, _ = fetched.take(4000)
            if batch is not None:
                decoded = self.decode(batch)
                posts += self._judge(decoded.content)
                letters += self._bury(batch, decoded.failures)
        return posts, letters

    def _judge(self, content: pa.RecordBatch) -> int:
        if content.num_rows:
            (scores,) = scores_of([self.screen], content["text"])
            assert np.isfinite(scores).all()
            attributes(content["value"], self.settings)
            for text in content["text"].to_pylist():
                render(self.policies.policies[0], text)
        return int(content.num_rows)

    def _bury(self, batch: pa.RecordBatch, failures: tuple) -> int:
        if not failures:
            return 0
        dead = dead_letters(
            batch.take(pa.array([failure.row for failure in failures])),
            stage=Stage.DECODE,
            reasons=[failure.reason for failure in failures],
            errors=[failure.error for failure in failures],
            run="hostile",
            cluster="none",
        )
        rows = sum(part.num_rows for part in cut(project(dead, ROWS["dead_letters"])))
        for record in letter_records(dead, "dead"):
            strip_letter(record)
        return rows


def batches(size: int) -> Iterator[tuple[str, bytes, int]]:
    """Yield each kind by its name: a record batch, and how many messages it holds."""
    for kind, value in VALUES.items():
        yield kind, record_batch([Row(0, value=value(size - _ENVELOPE))]), 1
    for kind, rows in BATCHES.items():
        made = rows(size)
        yield kind, record_batch(made, codec="gzip"), len(made)


def costs(size: int, kinds: frozenset[str] = frozenset()) -> Iterator[Cost]:
    """Yield what each kind costs, at about so many bytes, in processes of their own."""
    worker = Worker()
    worker.take(record_batch([Row(0, value=_post("warm"))]))
    forking = multiprocessing.get_context("fork")
    for kind, data, messages in batches(size):
        if kinds and kind not in kinds:
            continue
        ours, theirs = forking.Pipe(duplex=False)
        child = forking.Process(target=_measured, args=(worker, data, theirs))
        child.start()
        theirs.close()
        posts, letters, seconds, peak = ours.recv() if ours.poll(300) else (0, 0, np.inf, np.inf)
        child.kill()
        child.join()
        yield Cost(kind, messages, posts, letters, seconds, peak)


def _measured(worker: Worker, data: bytes, answer) -> None:
    started = time.process_time()  # others may share the machine
    posts, letters = worker.take(data)
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer.send((posts, letters, seconds, peak))


def main(argv: Sequence[str] | None = None) -> None:
    """Print what each kind costs; exit with 1 where one of them is too dear or goes missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=MAX_POST_BYTES, help="bytes of a message")
    parser.add_argument("--kind", action="append", default=[], help="only this one")
    options = parser.parse_args(argv)
    failed = False
    for cost in costs(options.size, frozenset(options.kind)):
        failed |= cost.failed
        mark = "  <-- TOO MUCH" if cost.failed else ""
        print(
            f"{cost.kind:32}{cost.posts:>10,} posts{cost.letters:>10,} letters"
            f"{cost.seconds:>9.2f} s{cost.megabytes:>8.0f} MB{mark}",
            flush=True,
        )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
