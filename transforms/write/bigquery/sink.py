"""Writes batches to BigQuery by the Storage Write API: default stream, Arrow rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import grpc
import pyarrow as pa
from apache_beam.transforms.window import WindowedValue
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import (
    BigQueryWriteGrpcTransport,
)

from weir.transforms import coders
from weir.transforms.accounts import account_for_arrivals, account_for_dead_letters
from weir.transforms.counts import counter
from weir.transforms.loopback import as_localhost, is_loopback
from weir.transforms.process.offset_ledger import positions
from weir.transforms.traces import TraceSettings
from weir.transforms.write.bigquery.appender import Appender, Refused
from weir.transforms.write.bigquery.connection import AppendConnection
from weir.transforms.write.bigquery.fitting import bare
from weir.transforms.write.bigquery.rows import ROWS, cut, join_batches, project, refused_letters

coders.register()

Stored = Callable[[pa.RecordBatch], pa.RecordBatch]

_APPEND_BYTES = 2 << 20  # wait for this much within a bundle; 1-8 MB is what the service likes


@dataclass(frozen=True)
class BigQuerySettings:
    """A dataset, and its service: Google's, unless the endpoints of an emulator are set."""

    project: str
    dataset: str
    rest_endpoint: str | None = None  # http://host:port
    grpc_endpoint: str | None = None  # host:port

    @property
    def full_name(self) -> str:
        """Return the dataset's name with its project's."""
        return f"{self.project}.{self.dataset}"

    @property
    def place(self) -> str:
        """Return what tells the dataset from every other, those of emulators among them."""
        if not self.rest_endpoint:
            return self.full_name
        return f"{self.full_name} at {as_localhost(self.rest_endpoint).rstrip('/')}"

    def client(self) -> bigquery.Client:
        """Return a client for queries and tables; close it after use."""
        if not self.rest_endpoint:
            return bigquery.Client(project=self.project)
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]  # Google's library has no types here
        session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # Google's library has no types here
        session.trust_env = not is_loopback(self.rest_endpoint)  # whether by a proxy
        return bigquery.Client(
            project=self.project,
            credentials=credentials,
            client_options={"api_endpoint": self.rest_endpoint},
            _http=session,
        )

    def write_client(self) -> BigQueryWriteClient:
        """Return a client for appending rows; close its transport after use."""
        if not self.grpc_endpoint:
            return BigQueryWriteClient()
        by_proxy = ("grpc.enable_http_proxy", int(not is_loopback(self.grpc_endpoint)))
        options = [*_LOCAL_CHANNEL, by_proxy]
        channel = grpc.insecure_channel(self.grpc_endpoint, options=options)
        return BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))

    def stream(self, table: str) -> str:
        """Return the name of the default stream of a table."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{table}/streams/_default"


# The emulator's own limits are gRPC's 4 MB; a shared channel would also wait long after a restart.
_LOCAL_CHANNEL = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


class WriteToBigQuery(beam.PTransform):
    """Append RecordBatches to a table; give DEAD_LETTER batches of the rows it refused.

    Columns are taken by name; those the table does not have are left out. A bundle is done when
    BigQuery has acknowledged every row of it, so that delivery is at least once. ``stored`` says
    which rows of a batch are stored, and what of them; by default all.
    """

    def __init__(
        self,
        settings: BigQuerySettings,
        table: str,
        run: str,
        cluster: str,
        *,
        stored: Stored | None = None,
        traces: TraceSettings | None = None,
    ) -> None:
        if table not in ROWS:
            raise ValueError(f"{table!r} is not a table that is appended to: {', '.join(ROWS)}")
        super().__init__()
        self._settings, self._table, self._run, self._cluster = settings, table, run, cluster
        self._stored, self._traces = stored, traces

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Add the step to the graph."""
        connect = _Connect(self._settings, self._table)
        writer = _Write(connect, self._table, self._run, self._cluster, self._stored, self._traces)
        return batches | "Append" >> beam.ParDo(writer).with_output_types(pa.RecordBatch)


@dataclass(frozen=True)
class _Connect:
    settings: BigQuerySettings
    table: str

    def __call__(self) -> AppendConnection:
        return AppendConnection(self.settings.write_client(), self.settings.stream(self.table))


class _Write(beam.DoFn):
    """One appender for the life of an instance: connecting costs far more than appending."""

    def __init__(
        self,
        connect: Callable[[], AppendConnection],
        table: str,
        run: str,
        cluster: str,
        stored: Stored | None = None,
        traces: TraceSettings | None = None,
    ) -> None:
        self._connect, self._table, self._run, self._cluster = connect, table, run, cluster
        self._stored, self._traces = stored, traces

    def setup(self) -> None:
        self._appender = Appender(self._connect, self._table)

    def start_bundle(self) -> None:
        # What a failed bundle left is not of this one: the runner gives it again.
        self._appender.forget()
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0
        self._positions: list[pa.RecordBatch] = []
        self._place: WindowedValue | None = None
        self._traced: list[pa.RecordBatch] = []

    def process(
        self,
        batch: pa.RecordBatch,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> None:
        # Of a row that is not to be stored nothing more is owed either.
        self._positions.append(positions(batch))
        if self._stored is not None:
            batch = self._stored(batch)
        if batch.num_rows == 0:
            return
        rows = project(batch, ROWS[self._table])
        if self._traces is not None:
            sample = self._traces.sample(rows, self._table)
            self._traced += [] if sample is None else [sample]
        self._waiting.append(rows)
        self._bytes += rows.nbytes
        self._place = WindowedValue(None, timestamp, (window,))
        if self._bytes >= _APPEND_BYTES:
            self._append()

    def finish_bundle(self) -> Iterable[WindowedValue]:
        self._append()
        refused = self._appender.drain()
        if self._table == "dead_letters":
            self._append_bare(refused)
            refused = []
        if not refused:
            account_for_arrivals(self._positions)
            if self._traces is not None:
                self._traces.stored(self._traced, self._table)
            return []
        assert self._place is not None  # rows came from a batch
        letters = refused_letters(refused, self._table, self._run, self._cluster)
        account_for_dead_letters(letters, in_place_of_rows=False)
        account_for_arrivals(self._positions)
        return [self._place.with_value(letters)]

    def teardown(self) -> None:
        self._appender.close()

    def _append_bare(self, refused: Sequence[Refused]) -> None:
        """Store dead letters without their messages, which the topic keeps; count the others."""
        for each in refused:
            self._appender.append(bare(each.row))
        if still := len(self._appender.drain()):
            counter("dead_letters_unstored").inc(still)

    def _append(self) -> None:
        if not self._waiting:
            return
        rows = join_batches(self._waiting)
        self._waiting, self._bytes = [], 0
        for part in cut(rows):
            self._appender.append(part)
