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
    parts = "\x00".join([cluster, topic, str(partition), version, stage, run])
    prefix = xxhash.xxh3_128_hexdigest(parts.encode("utf-8", "surrogatepass"))
    return pc.binary_join_element_wise(
        pa.scalar(prefix), batch["offset"].cast(pa.string()), pa.scalar("-")
    )
