"""What traces cost: CPU of the spans of a batch, as a share of the CPU of screening it.

``python -m tests.benchmarks.tracing [--share S]`` takes batches of 4,000 posts of 200 bytes through
eight linear heads, and by turns through what a job with ``--traces-endpoint`` does beside: the
sample, the spans of a screening and of its row, their sending by OTLP over HTTP. A collector on
loopback takes them in this process, so that its own CPU is among what is measured: at most so much.
The second stage and the judge are left out, which only make the share smaller.
"""

import argparse
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pyarrow as pa

from tests.benchmarks.screening import POST_BYTES, posts, screen
from weir.transforms.records import CONTENT
from weir.transforms.traces import TraceSettings
from weir.transforms.traces.recorder import recorder
from weir.transforms.traces.spans import TRACED, screen_spans

ROWS = 4_000


class _Collector(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def collector() -> Iterator[str]:
    """Give the address of a collector that takes everything and keeps nothing."""
    with HTTPServer(("127.0.0.1", 0), _Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
        server.shutdown()


def batch(rows: int) -> pa.RecordBatch:
    """Return so many posts as CONTENT, at offsets of one partition."""
    at = datetime(2026, 11, 1, tzinfo=UTC)
    row = {"content_id": "p", "created_at": at, "topic": "t", "partition": 0, "timestamp": at}
    texts = posts(rows)["ASCII"]
    made = [row | {"text": text, "offset": n} for n, text in enumerate(texts)]
    return pa.RecordBatch.from_pylist(made, CONTENT)


def stored(content: pa.RecordBatch) -> pa.RecordBatch:
    """Return what spans need of the rows of screenings that a batch comes to."""
    ids = [f"d-{n}" for n in range(content.num_rows)]
    more = {"screened_at": content["created_at"], "decision_id": ids, "run": ["live"] * len(ids)}
    names = TRACED["screenings"]
    return pa.RecordBatch.from_pydict(
        {name: more[name] if name in more else content[name] for name in names}
    )


def measure(rows: int, rounds: int, share: float) -> tuple[float, float]:
    """Return CPU seconds of screening so many batches, and of the spans of the same ones."""
    content, model, screening, tracing = batch(rows), screen(), 0.0, 0.0
    written = stored(content)
    with collector() as endpoint:
        settings = TraceSettings(endpoint, share)
        recorder(endpoint).record(
            screen_spans(content, 1e-3, "live", 0, 1)
        )  # imports the SDK, once
        for _ in range(rounds):
            began, clock = time.time_ns(), time.process_time()
            model.score(content["text"])
            screened = time.process_time()
            settings.screened(content, "live", began)
            if (sample := settings.sample(written, "screenings")) is not None:
                settings.stored([sample], "screenings")
            screening, tracing = (
                screening + screened - clock,
                tracing + time.process_time() - screened,
            )
        clock = time.process_time()
        recorder(endpoint).shutdown()  # sends what waits
        tracing += time.process_time() - clock
    return screening, tracing


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, action="append")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--rows", type=int, default=ROWS, help="posts of a batch")
    given = parser.parse_args(argv)
    print(f"{given.rows:,} posts of {POST_BYTES} bytes a batch, {given.rounds} batches")
    for share in given.share or (0.001, 0.01):
        screening, tracing = measure(given.rows, given.rounds, share)
        each = 1e6 / given.rows / given.rounds
        print(
            f"share {share:g}: screening {screening * each:.1f} us a post, spans "
            f"{tracing * each:.3f} us a post: {tracing / screening:.2%}"
        )


if __name__ == "__main__":
    main()
