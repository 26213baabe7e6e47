"""Decision ids: the same message decided the same way has the same id, retried or not."""

import pyarrow as pa
import pyarrow.compute as pc
import xxhash


def decision_ids(
    batch: pa.RecordBatch, *, cluster: str, stage: str, version: str, run: str
) -> pa.Array:
    """Return one id a row: a hash of everything but the offset, a dash, the offset.

    ``batch`` has the columns of a position, and all its rows are of one topic-partition, as they
    are in every batch that Kafka returns. ``version`` is what decided: a policy's version, or a
    screen's and policy set's. A retried bundle writes the same ids, so views can drop the copies.
    """
    if batch.num_rows == 0:
        return pa.array([], pa.string())
    topic, partition = batch["topic"][0].as_py(), batch["partition"][0].as_py()
    prefix = _prefix(cluster, topic, partition, version, stage, run)
    return pc.binary_join_element_wise(
        pa.scalar(prefix), batch["offset"].cast(pa.string()), pa.scalar("-")
    )


def decision_id(
    position: tuple[str, int, int], *, cluster: str, stage: str, version: str, run: str
) -> str:
    """Return the id that ``decision_ids`` gives the message at a (topic, partition, offset)."""
    topic, partition, offset = position
    return f"{_prefix(cluster, topic, partition, version, stage, run)}-{offset}"


def _prefix(cluster: str, topic: str, partition: int, version: str, stage: str, run: str) -> str:
    parts = "\x00".join([cluster, topic, str(partition), version, stage, run])
    return str(xxhash.xxh3_128_hexdigest(parts.encode("utf-8", "surrogatepass")))
