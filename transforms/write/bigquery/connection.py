"""One AppendRows call to BigQuery: requests go in, answers come out in the same order."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest

_REQUEST = type(AppendRowsRequest.pb(AppendRowsRequest()))


@dataclass(frozen=True)
class Answer:
    """What the service said to one append; it took all rows, or none where ``code`` is not OK."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    message: str = ""  # may quote what a post says
    bad_rows: Sequence[int] = ()  # where the service names the rows it will not take


class ConnectionLostError(Exception):
    """The call ended: nothing is known of the appends that were not answered."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code, self.message = code, message


class AppendConnection:
    """A stream of appends to one table. Close it, also when it is lost."""

    def __init__(self, client: BigQueryWriteClient, stream: str) -> None:
        self._client, self._stream = client, stream
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._schema: pa.Schema | None = None
        # The transport's own method, as the client's waits for an answer before it returns.
        self._call = client.transport.append_rows(
            iter(self._requests.get, None),
            metadata=(("x-goog-request-params", f"write_stream={stream}"),),
        )
        threading.Thread(target=self._read, name="bigquery-answers", daemon=True).start()

    def send(self, rows: pa.RecordBatch) -> None:
        """Send rows, without waiting."""
        # The emulator wants the stream on every request, the service on the first.
        request = _REQUEST(write_stream=self._stream)
        if rows.schema != self._schema:
            self._schema = rows.schema
            schema = rows.schema.serialize().to_pybytes()
            request.arrow_rows.writer_schema.serialized_schema = schema
        request.arrow_rows.rows.serialized_record_batch = rows.serialize().to_pybytes()
        self._requests.put(request)

    def receive(self, seconds: float) -> Answer:
        """Wait for the answer to the oldest append that has none.

        Raises ConnectionLostError where the call ends or nothing comes within ``seconds``.
        """
        try:
            answer = self._answers.get(timeout=seconds)
        except Empty:
            code = grpc.StatusCode.DEADLINE_EXCEEDED
            raise ConnectionLostError(code, f"no answer within {seconds:.0f} seconds") from None
        if isinstance(answer, grpc.RpcError):
            raise ConnectionLostError(answer.code(), str(answer.details())) from answer
        if answer is None:
            raise ConnectionLostError(grpc.StatusCode.UNAVAILABLE, "the service ended the call")
        return _understand(answer)

    def close(self) -> None:
        """End the call and the channel."""
        self._requests.put(None)
        self._call.cancel()
        self._client.transport.close()

    def _read(self) -> None:
        try:
            for answer in self._call:
                self._answers.put(answer)
        except grpc.RpcError as error:
            self._answers.put(error)
        else:
            self._answers.put(None)


_CODES = {code.value[0]: code for code in grpc.StatusCode}


def _understand(answer: Any) -> Answer:
    if not answer.error.code and not answer.row_errors:
        return Answer()
    return Answer(
        _CODES.get(answer.error.code or 3, grpc.StatusCode.UNKNOWN),
        answer.error.message,
        [error.index for error in answer.row_errors],
    )
