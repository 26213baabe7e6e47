"""What the arithmetic of a plan rests on, each with where it comes from."""

from dataclasses import dataclass

from weir.pipelines.replay.forecast import PUBLISHED_RATE

SECONDS_A_DAY = 86_400
DAYS_A_MONTH = 365.25 / 12
HOURS_A_MONTH = 24 * DAYS_A_MONTH
GIB = 2**30
TIB = 2**40

_MEASURED = "docs/measurements.md"
_BENCH = f"make bench, {_MEASURED}"
_PRICES = "list price, US multi-region, August 2025 (cloud.google.com/bigquery/pricing)"
_QUOTAS = "default in US and EU multi-regions, can be raised (cloud.google.com/bigquery/quotas)"
_UNCONFIRMED = "from memory of Google's pages, not confirmed: look it up"
_ASSUMED = "assumed: put in yours"


@dataclass(frozen=True)
class Constant:
    """A figure, its unit, and where it comes from."""

    name: str
    value: float
    unit: str
    source: str


@dataclass(frozen=True)
class Card:
    """An accelerator: its memory, and how fast it reads it; that bounds how fast a model writes."""

    memory_gb: float
    bandwidth_gb: float  # a second
    usd_hour: float
    source: str


@dataclass(frozen=True)
class Model:
    """A judge: weights it reads for a token, beside those of the 20b, and the card it needs."""

    memory_gb: float
    read_by_token: float
    source: str


STREAM_US = Constant(
    "reading, decoding, routing and writing a post",
    8.3,
    "µs of a core",
    f"{_BENCH}: without screen",
)
FIRST_STAGE_US = Constant(
    "first stage, eight heads, 196 bytes", 10.0, "µs of a core", f"{_BENCH}; grows by the byte"
)
FIRST_STAGE_BYTES = 196.0
HEADS_SHARE = Constant(
    "of it, what grows by the policy", 0.5, "share", "assumed; at eight policies it is as measured"
)
HEADS = 8
SECOND_STAGE_MS = Constant(
    "second stage, 200 bytes", 1000 / 102, "ms of a core", f"102 posts a second, {_MEASURED}"
)
SECOND_STAGE_BYTES = 200.0
JUDGE_CPU_MS = Constant(
    "prompt and answer of a request",
    1.3,
    "ms of a core",
    "1,900 rendered and 1,300 parsed a second",
)
STAND_IN_MS = Constant("the stand-in exemplar", 0.1, "ms of a core", "replay/forecast.py")
JUDGE_RATE = Constant(
    "20b on an H100, 215 tokens in and 194 out",
    PUBLISHED_RATE,
    "requests a second",
    "published with the model; not measured here",
)
START_SECONDS = Constant(
    "starting a job in one process",
    4.0,
    "s of a core",
    "four runs of weir demo --json: core_seconds but for what its 637 posts take, read twice",
)
START_POSTS = Constant(
    "posts that a job screens before it begins, and again in turn",
    2_000,
    "posts",
    "pipelines/screening/stream_sample.py: thresholds begin at their quantiles",
)
BUSY = Constant("how busy cores and cards are at the mean rate", 0.6, "share", _ASSUMED)
WORKER_MB = Constant("a worker's process", 479, "MB", f"its peak, {_BENCH}")
ENCODER_MB = Constant("the encoder in it", 150, "MB", "88 MB of weights; the rest is assumed")
ENVELOPE = Constant("of a message beside its text", 200, "bytes", "ids and JSON; assumed")
PARTITION_MB = Constant("one Kafka partition", 10, "MB a second", _ASSUMED)
CORE_USD = Constant("a core with 4 GB", 0.04, "USD an hour", _ASSUMED)
STORAGE_USD = Constant("active logical storage", 0.02, "USD a GiB and month", _PRICES)
QUESTION_USD = Constant("on-demand questions", 6.25, "USD a TiB read", _PRICES)
APPEND_USD = Constant("Storage Write API", 0.025, "USD a GiB", _UNCONFIRMED)
APPEND_MB = Constant("Storage Write API of a project", 3_000, "MB a second", _QUOTAS)
APPEND_STREAMS = Constant("its connections", 10_000, "connections", _UNCONFIRMED)
TABLES_WRITTEN = 3  # connections of a worker: screenings, verdicts, thresholds
CARDS_AT_ONCE = Constant("cards that one project gets", 1_000, "cards", _ASSUMED)
CORES_AT_ONCE = Constant("cores of one job", 10_000, "cores", _ASSUMED)
PARTITIONS_AT_ONCE = Constant(
    "partitions of one topic", 10_000, "partitions", "assumed: a broker holds some 4,000 replicas"
)

CARDS = {
    "h100": Card(80, 3_350, 3.00, "NVIDIA's data sheet (SXM); the price is assumed"),
    "h200": Card(141, 4_800, 4.00, "NVIDIA's data sheet; the price is assumed"),
    "a100": Card(80, 2_039, 2.00, "NVIDIA's data sheet (80 GB SXM); the price is assumed"),
    "l4": Card(24, 300, 0.70, "NVIDIA's data sheet; the price is assumed"),
}
MODELS = {
    "gpt-oss-safeguard-20b": Model(16, 1.0, "its model card: 16 GB, 3.6 of 21 billion weights"),
    "gpt-oss-safeguard-120b": Model(
        80, 5.1 / 3.6, "its model card: 80 GB, 5.1 of 117 billion weights; rate by these, assumed"
    ),
}
STAND_IN = "exemplar"

CONSTANTS = tuple(each for each in globals().copy().values() if isinstance(each, Constant))
