"""Runs the BigQuery emulator with what it needs to serve Weir; the arguments are its own.

Run by path, in a process of its own. It has no login, so it serves programs of this machine alone,
and whatever is asked of it, it touches no file and no network.
"""

import gc
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import (
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    MutableMapping,
    Set,
)
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import lru_cache, partial
from typing import Any, NoReturn

import grpc
import pyarrow as pa
from duckdb_extensions import import_extension

_MOST_STREAMS = 512
_REMEMBERED = 512  # statements
_MOST_TREES = 16  # while a statement is on its way; more are only more for the collector to visit
_LOCAL = {b"127.0.0.1", b"localhost", b"[::1]"}
_HOST = "--rest-host="
_SEALED = (
    # Once off they stay off: nobody can set them again while the database is open.
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def main() -> None:
    """Start the emulator."""
    # The emulator loads this extension as it starts, and would ask the network for it; and for
    # another one, which is for files.
    import_extension("spatial")
    os.environ["BQEMU_ENABLE_FORMAT_EXTENSIONS"] = "false"
    # Imported here because the import needs the extension.
    from bqemulator import server
    from bqemulator.api.routes import tabledata
    from bqemulator.catalog import ddl_sync
    from bqemulator.cli import main as start
    from bqemulator.grpc_api import write_servicer
    from bqemulator.jobs import ddl_result, executor
    from bqemulator.sql import inner_query, translator
    from bqemulator.sql.translator import SQLTranslator
    from bqemulator.storage.engine import DuckDBEngine
    from bqemulator.versioning.snapshots import SnapshotManager
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.expressions import core
    from sqlglot.parser import Parser

    def table_arrow_schema(table: Any) -> pa.Schema:
        fields = tabledata._fields_raw_from_schema(table.schema_.fields)
        schema: pa.Schema = tabledata._build_arrow_schema(fields)
        return schema

    def capture(*_args: Any, **_kwargs: Any) -> None:
        return None

    async def note_change(*_args: Any) -> None:
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

    open_engine, create_app = DuckDBEngine.start, server.create_app

    async def open_sealed(engine: DuckDBEngine) -> None:
        await open_engine(engine)
        for statement in _SEALED:
            engine._connection.execute(statement)

    def no_file(*_args: Any) -> NoReturn:
        raise executor.InvalidQueryError("this emulator reads and writes no files")

    # SQL of anybody who reaches it would read and write files as the user who started it; and so
    # would its jobs that load and extract, of which some open files in Python.
    DuckDBEngine.start = open_sealed
    executor._resolve_uri = no_file
    named = {each.removeprefix(_HOST).encode() for each in sys.argv if each.startswith(_HOST)}
    server.create_app = lambda context: for_local_programs(create_app(context), named)

    # Its own function drops the fields of a STRUCT, so that it refuses ARRAY<STRUCT> from Arrow.
    write_servicer._table_arrow_schema = table_arrow_schema
    # It copies the whole table at every append, for time travel: 20 GB at 0.8 M rows.
    SnapshotManager.capture = capture
    # Nor has anything to be told of changes, and no table is read-only: there are no snapshots and
    # no materialized views.
    executor._capture_dml_snapshots = note_change
    executor._reject_dml_on_immutable = capture
    # It writes the text of every view into the query that names one, for policies of row access,
    # and then looks for decimal columns. There are neither here: DuckDB has the views themselves.
    inner_query.rewrite_for_row_access = lambda sql, **_: sql
    inner_query.build_catalog_schema = lambda *_args, **_named: {}
    # Each stream of appends has a thread while it is open, and by default there are as many as
    # cores and four more: the streams of a runner's ninth bundle would wait for ever.
    threads = ThreadPoolExecutor(_MOST_STREAMS)
    grpc.aio.server = partial(grpc.aio.server, migration_thread_pool=threads)
    # It parses every statement a dozen times: most of what a new dataset cost.
    trees = Trees(Dialect.parse, Dialect.generate)
    Dialect.parse = trees.parse  # type: ignore[assignment,method-assign]  # on purpose
    Dialect.generate = trees.generate  # type: ignore[assignment,method-assign]  # on purpose
    core.deepcopy = copy_flat  # type: ignore[assignment,attr-defined]  # on purpose
    unnests = of_joined_tables(Parser._implicit_unnests_to_explicit)
    Parser._implicit_unnests_to_explicit = unnests  # type: ignore[assignment,method-assign]  # on purpose
    borrowers = (
        (executor, ["rewrite_table_refs"]),
        (SQLTranslator, ["_apply_rules"]),
        (translator, [name for name in vars(translator) if name.startswith("rewrite_")]),
    )
    readers = (
        (executor, ["classify_statement_type", "detect_drop_routine"]),
        (ddl_sync, ["_detect_create_schema"]),
    )
    # And it translates anew what it was asked a moment ago: most of what a page of the console
    # cost. Each of these goes by the text of a statement, and nobody changes what it gives. What is
    # parts of a tree is of a copy: it is read after others changed theirs.
    parts = ["_detect_catalog_drop", "_detect_plain_create_table", "_detect_plain_create_view"]
    remembered = (
        *readers,
        (ddl_result, ["_parse_statement"]),
        (ddl_sync, parts),
        (executor, ["_parse_script_or_raise", "rewrite_table_refs"]),
        (SQLTranslator, ["translate"]),
    )
    for changed, places in (
        (trees.lent_to, borrowers),
        (trees.shown_to, readers),
        (lru_cache(_REMEMBERED), remembered),
    ):
        for owner, names in places:
            for name in names:
                setattr(owner, name, changed(getattr(owner, name)))
    # A parsed statement is thousands of objects, for which the collector would look at all others.
    gc.freeze()
    gc.set_threshold(50_000)
    start(["start", *sys.argv[1:]])


class Trees:
    """The statements that were parsed last, and how a dialect parses and writes with them.

    To copy a tree is a third of what parsing costs, and few of those who ask for one change it. So
    who only reads it is shown it, and who may change it is lent it; all others get copies.
    """

    def __init__(self, parse: Callable[..., list[Any]], generate: Callable[..., str]) -> None:
        def parsed(dialect: Any, sql: str, **options: Any) -> list[Any]:
            key = (dialect, sql, *sorted(options.items()))
            with self._lock:
                trees = self._known.pop(key, None) or parse(dialect, sql, **options)
                if self._lent is not None:
                    self._lent.append((key, trees))
                    return trees
                self._keep(key, trees)
                return trees if self._shown else [tree and tree.copy() for tree in trees]

        def written(dialect: Any, tree: Any, copy: bool = True, **options: Any) -> str:
            # Writing changes a tree, and is the last that is done with one that is lent.
            is_lent = any(tree is each for _, trees in self._lent or () for each in trees)
            return generate(dialect, tree, copy=copy and not is_lent, **options)

        self.parse, self.generate = parsed, written
        self._known: OrderedDict[Hashable, list[Any]] = OrderedDict()
        self._lock = threading.RLock()
        self._shown = False
        self._lent: list[tuple[Hashable, list[Any]]] | None = None

    def shown_to(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that changes no tree and gives out no part of one.

        Whoever held a part of one would see what another, who is lent it later, changes in it.
        """

        def reading(*args: Any, **named: Any) -> Any:
            with self._lock:
                before, self._shown = self._shown, True
                try:
                    return function(*args, **named)
                finally:
                    self._shown = before

        return reading

    def lent_to(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of a statement, which returns it as it is where it changed no tree."""

        def borrowing(*args: Any, **named: Any) -> Any:
            with self._lock:
                before, self._lent = self._lent, []
                try:
                    result = function(*args, **named)
                    if any(result is each for each in args):
                        for key, trees in self._lent:
                            self._keep(key, trees)
                    return result
                finally:
                    self._lent = before

        return borrowing

    def _keep(self, key: Hashable, trees: list[Any]) -> None:
        self._known[key] = trees
        if len(self._known) > _MOST_TREES:
            self._known.popitem(last=False)


def of_joined_tables(to_explicit: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the step of a parser that writes ``FROM t, t.items`` as UNNEST, where that may be.

    At every level of a statement it copies all that is selected from: half of what parsing costs.
    """

    def of_query(parser: Any, query: Any) -> Any:
        joins = query.args.get("joins") or ()
        joined = any(join.this.key == "table" and not join.args.get("on") for join in joins)
        return to_explicit(parser, query) if joined else query

    return of_query


def copy_flat(value: Any) -> Any:
    """Return a copy of part of a statement: where it stood is a dictionary of numbers and names.

    Copied by the general way, that is most of what a copy of the statement costs.
    """
    return value.copy() if type(value) is dict else deepcopy(value)


def for_local_programs(app: App, named: Set[bytes] = frozenset()) -> App:
    """Return the app, closed to web pages and uploads; 403 is the answer to both.

    It goes by the names of loopback, and by those of ``named``.

    A page in a browser reaches loopback: it names itself as the origin, or has its own name
    resolved to 127.0.0.1 and says that name as the host.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_of_program(
            scope["path"], scope["headers"], _LOCAL | named
        ):
            start = {"type": "http.response.start", "status": 403, "headers": []}
            await send(start)
            await send({"type": "http.response.body", "body": b"for local programs alone\n"})
            return
        await app(scope, receive, send)

    return guarded


def _is_of_program(path: str, headers: Iterable[tuple[bytes, bytes]], names: Set[bytes]) -> bool:
    """Return whether a request names this machine, comes from no page, and uploads nothing."""
    said = [(name.lower(), value.lower()) for name, value in headers]
    hosts = [value.rpartition(b":")[0] for name, value in said if name == b"host"]
    origins = [name for name, _ in said if name == b"origin"]
    return len(hosts) == 1 and hosts[0] in names and not origins and path[:8] != "/upload/"


if __name__ == "__main__":
    main()
