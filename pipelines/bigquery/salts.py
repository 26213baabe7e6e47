"""Secrets that a dataset keeps: whoever may read the private table ``salts`` knows them."""

from datetime import UTC, datetime
from secrets import token_hex

from weir.pipelines.bigquery.dataset import Value, connect
from weir.pipelines.bigquery.rows import insert_once
from weir.transforms.write.bigquery.sink import BigQuerySettings

_SALT = (
    "SELECT salt FROM `{dataset}.salts` WHERE purpose = @purpose ORDER BY recorded_at, salt LIMIT 1"
)


def kept_salt(settings: BigQuerySettings, purpose: str) -> str:
    """Return the dataset's 128 random bits for a purpose; they are made where there are none.

    They stay, so that what is derived from them tomorrow is what it is today.
    """
    with connect(settings) as dataset:
        found = dataset.rows(_SALT, purpose=purpose)
        if not found:
            row: dict[str, Value] = {"purpose": purpose, "salt": token_hex(16)}
            insert_once(settings, "salts", "purpose", row | {"recorded_at": datetime.now(UTC)})
            # Two may have made one each at the same time.
            found = dataset.rows(_SALT, purpose=purpose)
    return str(found[0]["salt"])
