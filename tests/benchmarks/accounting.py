"""Whether anything is lost among bad messages: ``python -m tests.benchmarks.accounting``.

One message in a hundred is bad, of every kind in ``tests/hostile.py``. The job runs twice over the
same topic: every message has to be accounted for, and the views must not change. Options that are
not its own are the job's.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.corpus import messages
from tests.benchmarks.throughput import Stacks
from tests.hostile import EITHER, READABLE, UNREADABLE
from weir.pipelines.demo import TOPIC, Stack, local_stack, moderate_once, query

_LABELS = """
SELECT policy_id, label, COUNT(*) AS n,
  SUM(`offset` * (1 + `partition`)) AS positions, SUM(ROUND(score * 1e6)) AS scores
FROM `{dataset}.labels` WHERE run = @run GROUP BY policy_id, label ORDER BY policy_id, label
"""
_ROWS = (
    "SELECT COUNT(*) AS n, COUNT(DISTINCT decision_id) AS ids FROM `{dataset}.%s` WHERE run = @run"
)


def sent(count: int, bad_share: float) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Yield keys and values, one bad message after every ``1 / bad_share``, kinds in turn."""
    bad: list[bytes | None] = [*UNREADABLE.values(), *READABLE.values(), *EITHER.values()]
    every = round(1 / bad_share)
    for number, (key, value) in enumerate(messages(count)):
        yield (b"bad", bad[number // every % len(bad)]) if number % every == 0 else (key, value)


def run(stack: Stack, arguments: Sequence[str]) -> dict[str, Any]:
    """Run the job once; return its counts, problems, and what BigQuery holds then."""
    report = moderate_once(stack, arguments, run="accounting")
    return {
        "counts": report.to_json(),
        "labels": query(stack.bigquery, _LABELS, "accounting"),
        "rows": {
            table: query(stack.bigquery, _ROWS % table, "accounting")[0]
            for table in ("screenings", "verdicts", "dead_letters")
        },
    }


def main(argv: Sequence[str] | None = None, stack: Stacks = local_stack) -> None:
    """Run twice, print what was counted, and exit with 1 where anything does not add up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=Path("accounting.json"))
    options, of_job = parser.parse_known_args(argv)
    with stack() as local:
        producer = local.kafka.producer(max_request_size=2 << 20)
        acknowledgements = [
            producer.send(TOPIC, key=key, value=value)
            for key, value in sent(options.messages, 0.01)
        ]
        producer.flush()
        for acknowledgement in acknowledgements:
            acknowledgement.get(timeout=240)
        producer.close()
        runs = []
        for number in (1, 2):
            started = time.time()
            runs.append(run(local, of_job))
            counts = runs[-1]["counts"]
            print(f"run {number}, {time.time() - started:.0f} s:")
            print({name: value for name, value in counts.items() if name != "policies"})
            print(runs[-1]["rows"])
    options.out.write_text(json.dumps(runs, indent=2, default=str) + "\n")
    first, second = runs
    problems = [
        each["counts"]["conservation"] for each in runs if each["counts"]["conservation"] != "ok"
    ]
    if first["counts"]["messages"] != options.messages:
        problems.append(f"{options.messages} were sent, {first['counts']['messages']} read")
    if first["labels"] != second["labels"]:
        problems.append("the second run changed the labels view")
    if any(rows["ids"] != first["rows"][table]["ids"] for table, rows in second["rows"].items()):
        problems.append("the second run made new decision ids")
    print("; ".join(problems) or "everything is accounted for, and the views are as they were")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
