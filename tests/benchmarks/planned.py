"""Does ``weir plan`` say what the demo's own run takes? Processor time and requests, beside it.

``python -m tests.benchmarks.planned``: the sample's posts are measured as ``weir plan
--posts-file`` does, then moderated as ``weir demo`` does, so many times in turn. The ratios are
planned to taken. A process pays for its start in its first run, so one is made unless ``--times``
says otherwise.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from statistics import median

from weir.pipelines.capacity.measured import of_posts
from weir.pipelines.capacity.plan import BoundedRun, Workload, plan
from weir.pipelines.demo import (
    DemoReport,
    Stack,
    checked_settings,
    fill,
    input_posts,
    local_stack,
    moderate_once,
)


def planned(texts: Sequence[str], arguments: Sequence[str]) -> BoundedRun:
    """Return what a plan says that a run over these posts takes."""
    settings = checked_settings(arguments)
    stream = of_posts(
        settings.screen.screen(), settings.policies, texts, settings.shares, settings.audit_rate
    )
    known = {name: value for name, value in asdict(stream).items() if value is not None}
    made = plan(Workload(1.0, model="exemplar", bounded_posts=len(texts), **known))
    assert made.bounded
    return made.bounded


def copied(
    messages: Sequence[tuple[bytes | None, bytes]], copies: int
) -> list[tuple[bytes | None, bytes]]:
    """Return the sample's messages so many times, each time as other posts."""
    found = list(messages)
    for number in range(1, copies):
        for key, value in messages:
            post = json.loads(value)
            other = {"id": f"{post['id']}-{number}", "text": f"{post['text']} {number}"}
            found.append((key, json.dumps(post | other).encode()))
    return found


def beside(run: BoundedRun, report: DemoReport) -> dict[str, float]:
    """Return what was planned and what was taken, and the ratios."""
    taken = report.counts.escalations
    return {
        "core_seconds_planned": round(run.core_seconds, 2),
        "core_seconds": round(report.core_seconds, 2),
        "core_seconds_ratio": round(run.core_seconds / report.core_seconds, 3),
        "requests_planned": round(run.requests),
        "requests": taken,
        "requests_ratio": round(run.requests / taken, 3) if taken else 1.0,
    }


def main(
    argv: Sequence[str] | None = None,
    stack: Callable[[], AbstractContextManager[Stack]] = local_stack,
) -> None:
    """Measure, run, and print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=None, help="of the sample; all of it")
    parser.add_argument("--copies", type=int, default=1, help="of each post, a number behind it")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("planned.json"))
    options, of_job = parser.parse_known_args(argv)
    found = []
    with stack() as local:
        posts = input_posts(None, checked_settings(of_job).decode)
        messages = copied(posts.messages[: options.posts], options.copies)
        fill(local, messages)
        texts = [json.loads(value)["text"] for _, value in messages]
        for number in range(options.times):
            run = planned(texts, of_job)
            report = moderate_once(local, of_job, f"planned-{number}")
            found.append(beside(run, report))
            print(json.dumps(found[-1]))
    for name in ("core_seconds_ratio", "requests_ratio"):
        print(f"{name}: {median(each[name] for each in found):.2f} at the median")
    options.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
