"""Runs the BigQuery emulator with what it needs to serve Weir; the arguments are its own.

Run by path, in a process of its own.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
import pyarrow as pa
from duckdb_extensions import import_extension

_MOST_STREAMS = 512


def main() -> None:
    """Start the emulator."""
    # The emulator loads this extension as it starts, and would ask the network for it.
    import_extension("spatial")
    # Imported here because the import needs the extension.
    from bqemulator.api.routes import tabledata
    from bqemulator.cli import main as start
    from bqemulator.grpc_api import write_servicer
    from bqemulator.storage.engine import DuckDBEngine
    from bqemulator.versioning.snapshots import SnapshotManager

    def table_arrow_schema(table: Any) -> pa.Schema:
        fields = tabledata._fields_raw_from_schema(table.schema_.fields)
        schema: pa.Schema = tabledata._build_arrow_schema(fields)
        return schema

    def capture(*_args: Any, **_kwargs: Any) -> None:
        return None

    own = threading.local()

    def connection(engine: DuckDBEngine) -> Any:
        # All of its threads share one connection, which DuckDB does not allow: a query loses its
        # result to an append that comes meanwhile, and sooner or later both wait for ever.
        if getattr(own, "of", None) is not engine._connection:
            own.of = engine._connection
            own.cursor = engine._connection.cursor()
            own.cursor.execute("SET TimeZone = 'UTC'")
        return own.cursor

    DuckDBEngine.connection = property(connection)

    # Its own function drops the fields of a STRUCT, so that it refuses ARRAY<STRUCT> from Arrow.
    write_servicer._table_arrow_schema = table_arrow_schema
    # It copies the whole table at every append, for time travel: 20 GB at 0.8 M rows.
    SnapshotManager.capture = capture
    # Each stream of appends has a thread while it is open, and by default there are as many as
    # cores and four more: the streams of a runner's ninth bundle would wait for ever.
    threads = ThreadPoolExecutor(_MOST_STREAMS)
    grpc.aio.server = partial(grpc.aio.server, migration_thread_pool=threads)
    start(["start", *sys.argv[1:]])


if __name__ == "__main__":
    main()
