"""The measurements behind a forecast: some posts of the slice, and what earlier runs took."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
from google.api_core.exceptions import GoogleAPICallError
from kafka import TopicPartition
from kafka.errors import KafkaError

from weir.pipelines.bigquery.dataset import connect
from weir.pipelines.replay.forecast import Judge, Measured, points
from weir.pipelines.settings import ModerationSettings
from weir.transforms.decode.formats import decoder
from weir.transforms.judge.harmony.prompt import parts, render
from weir.transforms.kafka.partition_reader import PartitionReader
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read.find_slices import Slice
from weir.transforms.screen.model import score_all
from weir.transforms.screen.route import draw_posts, goes_to_judge, routes
from weir.transforms.screen.thresholds.decide import Applied, stream_time
from weir.transforms.write.bigquery.sink import BigQuerySettings

_PLACES = 16
_POSTS = 125  # at each place, at most
_SECONDS = 15.0
_PROMPTS = 40  # pairs whose tokens are counted


def measure_sample(
    settings: ModerationSettings,
    slices: Sequence[Slice],
    told: Callable[[int], None] = lambda _: None,
) -> Measured:
    """Return what some 2,000 posts, spread over the slices, are like to the screen.

    ``told`` hears of how many it has been, after each batch.
    """
    screen = settings.screen.screen()
    name = f"{settings.run}: forecast"  # so that what follows a stream here, follows it here alone
    applied = Applied(screen, settings.policies, settings.shares, name, settings.audit_rate)
    policies = settings.policies.policies
    read = decoder(settings.decode)
    posts = escalated = escalations = 0
    prompts: list[int] = []
    for messages in _spread(settings.kafka, slices):
        content = read(messages).content
        texts: Any = content["text"]
        ids: Any = content["content_id"]
        found = score_all([screen], texts)
        sample = draw_posts(ids, settings.audit_rate, "")
        decided = applied.decide(found.scores[0], found, stream_time(content))
        codes = routes(decided.scores, decided.heads, sample[:, None], found.empty)
        rows, columns = np.nonzero(goes_to_judge(codes))
        posts += content.num_rows
        told(posts)
        escalated += len(np.unique(rows))
        escalations += len(rows)
        for row, column in list(zip(rows, columns, strict=True))[: _PROMPTS - len(prompts)]:
            prompts.append(len(render(policies[column], texts[int(row)].as_py()).tokens))
    if not prompts:  # the policies alone, then
        prompts = [sum(vars(parts(policy)).values()) for policy in policies] or [0]
    return Measured(posts, escalated, escalations, sum(prompts) / len(prompts))


def judge_before(settings: BigQuerySettings, engine: str, max_bytes: int) -> Judge:
    """Return how an engine did in the last 90 days of a dataset, as far as that may be read."""
    # A forecast can do without: the published figures stand in.
    with suppress(GoogleAPICallError), connect(settings, max_bytes) as dataset:
        (row,) = dataset.rows(_MINUTES, engine=engine, least=_LEAST_SECONDS)
        return Judge(engine, row["rate"], row["tokens_out"])
    return Judge(engine)


_LEAST_SECONDS = 5.0
# A job begins and ends within a minute, so what counts is the time between its first and its last
# verdict there; those of a bundle have one time, so the first bundle counts for nothing: it was
# judged before that. What took less than _LEAST_SECONDS says nothing of what the engine can do.
_MINUTES = """
WITH bundles AS (
  SELECT
    judged_at, COUNT(*) AS requests, SUM(tokens_out) AS tokens_out,
    MIN(judged_at) OVER (PARTITION BY TIMESTAMP_TRUNC(judged_at, MINUTE)) AS first
  FROM `{dataset}.verdicts`
  WHERE engine = @engine AND NOT cached
    AND judged_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)
  GROUP BY judged_at
),
minutes AS (
  SELECT
    SUM(requests) AS requests, SUM(tokens_out) AS tokens_out,
    SUM(IF(judged_at > first, requests, 0)) AS later,
    TIMESTAMP_DIFF(MAX(judged_at), MIN(first), MILLISECOND) / 1000 AS seconds
  FROM bundles
  GROUP BY first
)
SELECT
  MAX(IF(seconds >= @least, later / seconds, NULL)) AS rate,
  SUM(tokens_out) / NULLIF(SUM(requests), 0) AS tokens_out
FROM minutes
"""


def _spread(kafka: KafkaSettings, slices: Sequence[Slice]) -> Iterator[pa.RecordBatch]:
    deadline = time.monotonic() + _SECONDS
    readers: dict[TopicPartition, PartitionReader] = {}
    try:
        sizes = [each.stop - each.start for each in slices]
        # No post twice: the places of a small slice are close together.
        posts = max(1, min(_POSTS, sum(sizes) // _PLACES))
        for number, at in points(sizes, _PLACES):
            part = slices[number]
            partition = TopicPartition(part.topic, part.partition)
            if partition not in readers:
                readers[partition] = PartitionReader(kafka, partition)
            # What retention removes meanwhile, or a broken batch, a sample can do without.
            with suppress(KafkaError):
                yield from _some(readers[partition], part.start + at, part.stop, posts, deadline)
    finally:
        for reader in readers.values():
            reader.close()


def _some(
    reader: PartitionReader, position: int, stop: int, posts: int, deadline: float
) -> Iterator[pa.RecordBatch]:
    reader.seek(position)
    rows = 0
    stop = min(stop, position + posts)
    while position < stop and rows < posts and time.monotonic() < deadline:
        batch, position = reader.poll(posts)
        if batch is not None:
            kept = batch.slice(0, min(batch.num_rows, posts - rows))
            rows += kept.num_rows
            yield kept
