"""Whether anything is lost while a schema registry is killed and started again.

``python -m tests.benchmarks.registry_accounting [--count N] [--format F] [--out FILE]``: for each
of Avro, Protobuf and JSON Schema so many messages of eight versions of a schema, which a real
registry has, one in a hundred bad, of every kind. The job runs twice over them. As it asks for the
fifth version the registry is killed, and started again some seconds later: every message has to be
accounted for, every bad one by its reason, and the views must be the same after the second run.
"""

import argparse
import json
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.benchmarks.accounting import run
from tests.benchmarks.decoding import AVRO, JSON_SCHEMA, PROTO, posts, written
from tests.benchmarks.throughput import Stacks
from weir.infra.local import SchemaRegistry, schema_registry
from weir.pipelines.demo import TOPIC, local_stack, query
from weir.transforms.decode.schema_source import TYPES
from weir.transforms.registry import (
    RegistryClient,
    RegistrySettings,
    Schema,
    Schemas,
    SchemaType,
)

VERSIONS = 8
_EVERY = 100  # messages, of which one is bad
_REASONS = (
    "SELECT reason, COUNT(DISTINCT decision_id) AS n FROM `{dataset}.dead_letters` "
    "WHERE run = @run GROUP BY reason ORDER BY reason"
)
_BOMB = {"type": "array", "items": "null"}
_RECURSIVE = ["null", "Post"]


def _avro(*fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": "Post", "fields": list(fields)})


def _field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def version(kind: str, number: int) -> str:
    """Return the text of a version of a schema; all read what ``written`` writes."""
    if kind == "avro":  # every second one has renamed the text
        text = _field("body", "string", aliases=["text"]) if number % 2 else AVRO["fields"][1]
        fields = [AVRO["fields"][0], text, *AVRO["fields"][2:]]
        return json.dumps(AVRO | {"fields": fields, "doc": f"version {number}"})
    if kind == "protobuf":
        return PROTO.replace("tags = 7;", f"tags = 7;\n  string added_{number} = {number + 10};")
    draft = "http://json-schema.org/draft-07/schema#"
    return json.dumps({"$schema": draft, "title": f"version {number}", **JSON_SCHEMA})


def _frame(number: int) -> bytes:
    return b"\0" + struct.pack(">I", number)


def bad_messages(
    kind: str, register: Callable[[str, Schema], int], good: bytes
) -> list[tuple[bytes, str]]:
    """Return bad messages of every kind, each with the reason of its dead letter.

    ``good`` is one that is read, with the frame of a schema that is registered.
    """
    other = "avro" if kind != "avro" else "protobuf"
    number = register("other", Schema(TYPES[other], version(other, 0)))
    bad = [
        (b'{"text": "plain JSON"}', "wrong_magic_byte"),
        (b"\1" + good[1:], "wrong_magic_byte"),
        (good[:3], "cut_short"),
        (_frame(2_000_000_000) + good[5:], "unknown_schema"),
        (_frame(1 << 31) + good[5:], "unknown_schema"),
        (_frame(number) + good[5:], "another_format"),
    ]
    if kind == "json-schema":
        return [
            *bad,
            (good[:5] + b"no JSON", "invalid_json"),
            (good[:5] + b"[1]", "not_an_object"),
            (good[:5] + b'{"id": "x"}', "missing_text"),
            (good[:5] + b'{"text": 3}', "text_not_a_string"),
        ]
    if kind == "protobuf":
        return [
            *bad,
            (good[:5] + b"\2\x0e" + good[6:], "unknown_message_index"),
            (good[:5] + b"\0\xff\xff", "invalid_protobuf"),
            (good[:5] + b"\0\xa2\x06\x01x", "invalid_protobuf"),  # of another type
        ]
    text = _field("text", "string")
    of = {
        "bomb": _avro(_field("bomb", _BOMB), text),
        "recursive": _avro(_field("next", _RECURSIVE), text),
        "numbers": _avro(_field("text", ["null", "long"])),
        "textless": _avro(_field("body", "string")),
    }
    ids = {name: register(name, Schema(SchemaType.AVRO, text)) for name, text in of.items()}
    return [
        *bad,
        (_frame(ids["bomb"]) + b"\x80\x80\x80\x80\x20\0\x02a", "too_many_items"),
        (_frame(ids["recursive"]) + b"\x02" * 100_000 + b"\0", "too_deep"),
        (_frame(ids["numbers"]) + b"\x02\x06", "text_not_a_string"),
        (_frame(ids["textless"]) + b"\x02a", "schema_without_text"),
        (good[:-4], "invalid_avro"),
        (good + b"\0", "invalid_avro"),
    ]


class _Cut:
    """Asks the registry; as the id ``at`` is asked for it is killed, for so many seconds."""

    def __init__(self, registry: SchemaRegistry, at: int, seconds: float) -> None:
        self._client = RegistryClient(RegistrySettings(registry.url))
        self._at = at
        self._asked, self._gone = threading.Event(), threading.Event()
        self._over = threading.Event()
        self._server, self._seconds = registry.server, seconds
        # One thread from the kill on, as the kernel ends a child with the thread that began it.
        self._thread = threading.Thread(target=self._interrupt)

    def schema(self, number: int) -> Schema:
        if number == self._at and not self._gone.is_set():
            self._asked.set()
            self._gone.wait()
        return self._client.schema(number)

    def _interrupt(self) -> None:
        self._asked.wait()
        if self._over.is_set():
            return
        self._server.kill()
        self._gone.set()
        time.sleep(self._seconds)
        self._server.start()
        self._over.wait()
        self._server.kill()

    @contextmanager
    def watched(self) -> Iterator[Schemas]:
        """Give schemas that ask it; says whether the registry was killed."""
        self._thread.start()
        try:
            yield Schemas(self)
        finally:
            self._over.set()
            self._asked.set()
            self._thread.join()
        assert self._gone.is_set(), "the registry was never asked for the version"


def problems_of(
    kind: str, count: int, stack: Stacks, seconds: float, of_job: Sequence[str]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Run twice over messages of a format; return what does not add up, and what was counted."""
    runs: list[dict[str, Any]] = []
    with stack() as local:
        for number in (1, 2):
            with schema_registry() as registry:  # of the same ids each time
                client = RegistryClient(RegistrySettings(registry.url))
                ids = [
                    client.register("posts-value", Schema(TYPES[kind], version(kind, each)))
                    for each in range(VERSIONS)
                ]
                made = posts(min(count, 5_000))
                good = [written(kind, post) for post in made]
                bad = bad_messages(kind, client.register, _frame(ids[0]) + good[0])
                expected = Counter(bad[at % len(bad)][1] for at in range(-(-count // _EVERY)))
                if number == 1:
                    producer = local.kafka.producer(max_request_size=2 << 20)
                    for at in range(count):
                        value = _frame(ids[at * VERSIONS // count]) + good[at % len(good)]
                        if at % _EVERY == 0:
                            value = bad[at // _EVERY % len(bad)][0]
                        producer.send(TOPIC, key=b"%d" % at, value=value, partition=0)
                    producer.flush()
                    producer.close()
                arguments = [
                    *(f"--format={kind}", f"--schema-registry={registry.url}"),
                    *of_job,
                ]
                cut = _Cut(registry, ids[VERSIONS // 2], seconds)
                place = "weir.transforms.decode.schema_source.process_schemas"
                with cut.watched() as schemas, patch(place, lambda _, of=schemas: of):
                    runs.append(run(local, arguments))
                runs[-1]["reasons"] = {
                    row["reason"]: row["n"] for row in query(local.bigquery, _REASONS, "accounting")
                }
    first, second = runs
    problems = [each["counts"]["conservation"] for each in runs]
    problems = [problem for problem in problems if problem != "ok"]
    if first["counts"]["messages"] != count:
        problems.append(f"{count} were sent, {first['counts']['messages']} read")
    if first["reasons"] != dict(expected):
        problems.append(f"of dead letters {dict(expected)} were due: {first['reasons']}")
    if first["labels"] != second["labels"] or first["reasons"] != second["reasons"]:
        problems.append("the second run changed the views")
    if any(rows["ids"] != first["rows"][table]["ids"] for table, rows in second["rows"].items()):
        problems.append("the second run made new decision ids")
    return problems, runs


def main(
    argv: Sequence[str] | None = None,
    stack: Callable[[], AbstractContextManager[Any]] = local_stack,
) -> None:
    """Run each format twice, and exit with 1 where anything does not add up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--format", action="append", choices=sorted(TYPES))
    parser.add_argument("--seconds", type=float, default=10.0, help="that the registry is away")
    parser.add_argument("--out", type=Path, default=Path("registry_accounting.json"))
    options, of_job = parser.parse_known_args(argv)
    report, wrong = {}, False
    for kind in options.format or sorted(TYPES):
        began = time.time()
        problems, runs = problems_of(kind, options.count, stack, options.seconds, of_job)
        report[kind] = {"problems": problems, "runs": runs}
        wrong |= bool(problems)
        said = "; ".join(problems) or "everything is accounted for, twice, and the views are equal"
        print(f"{kind}, {options.count} messages, {time.time() - began:.0f} s: {said}")
        print(f"  {runs[0]['reasons']}", flush=True)
    options.out.write_text(json.dumps(report, indent=2, default=str) + "\n")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
