"""How long each page of the console takes, and each part that fills itself, over many posts.

``python -m tests.benchmarks.console_pages --posts 1000000`` fills the emulator with posts of the
last week under three policies, one in thirteen of them judged, and opens every page of every room.
A part that shows how far it came is looked at again, as the page does, until all is there.
"""

import argparse
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from weir.pipelines.bigquery.dataset import Value, open_dataset
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.rooms import ROOMS
from weir.pipelines.console.server import console_beside
from weir.pipelines.console.setup import Setup
from weir.pipelines.demo import TOPIC, Stack, local_stack
from weir.policies.loading import LIBRARY

RUN = "pages"
AT_ONCE = 200_000  # rows of one statement
JUDGED = {"spam": 20, "hate": 50, "violence": 200}  # one post in so many
_WHEN = "TIMESTAMP_SUB(@now, INTERVAL DIV(n * 7 * 86400, @posts) SECOND)"
_SCREENINGS = f"""
INSERT INTO `{{dataset}}.screenings` (
  decision_id, run, content_id, topic, `partition`, `offset`, created_at, screened_at, language,
  screen_version, policy_set, policies, mode, author_id, stages, detected_language, audit_rate)
SELECT
  CONCAT('{"0" * 32}-', CAST(n AS STRING)), '{RUN}', CONCAT('post-', CAST(n AS STRING)), 'posts',
  MOD(n, 4), n, {_WHEN}, {_WHEN}, 'en', 'screen1', 'set1',
  [
    STRUCT('spam' AS policy_id, 0.5 AS score, IF(MOD(n, 20) = 0, 'escalate', 'clear') AS route),
    STRUCT('hate' AS policy_id, 0.5 AS score,
      IF(MOD(n, 50) = 0, 'escalate', IF(MOD(n, 101) = 0, 'audit', 'clear')) AS route),
    STRUCT('violence' AS policy_id, 0.5 AS score,
      IF(MOD(n, 200) = 0, 'escalate', 'clear') AS route)
  ],
  'enforce', CONCAT('author', CAST(MOD(n, 5000) AS STRING)), 2, 'english', 0.01
FROM UNNEST(GENERATE_ARRAY(@first, @last)) AS n
"""
_VERDICTS = f"""
INSERT INTO `{{dataset}}.verdicts` (
  decision_id, run, mode, content_id, topic, `partition`, `offset`, created_at, judged_at, language,
  text, attributes, policy_id, policy_version, screen_version, route, score, inclusion_probability,
  verdict, probability, rule_ids, rationale, engine, model, effort, cached, author_id)
SELECT
  CONCAT(TO_HEX(MD5(@policy)), '-', CAST(n AS STRING)), '{RUN}', 'enforce',
  CONCAT('post-', CAST(n AS STRING)), 'posts', MOD(n, 4), n, {_WHEN}, {_WHEN}, 'en',
  CONCAT('A made-up post, number ', CAST(n AS STRING)), '{{}}', @policy, 'v1', 'screen1',
  'escalate', 0.5, 1.0, IF(MOD(n, 3) = 0, 'violates', 'safe'), 0.9, ['R1'], 'It offers something.',
  'exemplar', 'exemplar', 'low', FALSE, CONCAT('author', CAST(MOD(n, 5000) AS STRING))
FROM UNNEST(GENERATE_ARRAY(@first, @last)) AS n
WHERE MOD(n, @every) = 0
"""
_PART = re.compile(r'data-from="([^"]+)"')


def main(arguments: list[str] | None = None, stack=local_stack) -> None:
    """Fill the tables, open every page, and print how long each took, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, help="JSON: seconds, status and seconds until whole")
    options = parser.parse_args(arguments)
    with stack() as local:
        fill(local, options.posts)
        setup = Setup(
            local.bigquery,
            OnLoopback("bench"),
            local.kafka,
            policies=str(LIBRARY),
            run=RUN,
            topics=(TOPIC,),
        )
        with console_beside(setup) as address:
            took = {path: times for path, *times in opened(address)}
    for path, (seconds, status, whole) in sorted(took.items(), key=lambda item: -item[1][0]):
        print(f"{seconds:8.2f} s  {status}  {path}{f', whole after {whole} s' if whole else ''}")
    if options.out:
        options.out.write_text(json.dumps(took, indent=2), "utf-8")
    failed = [path for path, (_, status, _) in took.items() if status >= 500]
    if failed:
        raise SystemExit(f"these pages failed: {', '.join(failed)}")


def fill(local: Stack, posts: int) -> None:
    """Store screenings and verdicts of so many posts."""
    now = datetime.now(UTC).replace(microsecond=0)
    with open_dataset(local.bigquery) as dataset:
        for first in range(1, posts + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, posts)
            span: dict[str, Value] = {"now": now, "posts": posts, "first": first, "last": last}
            dataset.change(_SCREENINGS, seconds=600.0, **span)
            for policy, every in JUDGED.items():
                dataset.change(_VERDICTS, seconds=600.0, policy=policy, every=every, **span)


def opened(address: str) -> Iterator[tuple[str, float, int, float | None]]:
    """Yield each page with the seconds until it answered and its status, and each of its parts.

    Last come the seconds until all of it was there, of one that showed a part of it first.
    """
    known = {"run": RUN, "policy_id": "spam", "decision_id": f"{'0' * 32}-100"}
    waiting = [page.path for room in ROOMS for page in room.pages if not page.changes]
    seen = set()
    while waiting:
        path = waiting.pop(0)
        for name, value in known.items():
            path = path.replace(f"{{{name}}}", value)
        if path in seen or "{" in path:
            continue
        seen.add(path)
        began = time.perf_counter()
        status, page = _get(address.rstrip("/") + path)
        seconds, whole = round(time.perf_counter() - began, 2), None
        while "data-soon" in page:
            time.sleep(1.0)
            status, page = _get(address.rstrip("/") + path)
            whole = round(time.perf_counter() - began, 1)
        yield path, seconds, status, whole
        waiting += [part.replace("&amp;", "&") for part in _PART.findall(page)]


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=600) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8", "replace")


if __name__ == "__main__":
    main()
