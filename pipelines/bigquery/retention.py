"""How long BigQuery keeps what was decided: the expiry of partitions by day."""

from weir.pipelines.bigquery.dataset import Dataset, open_dataset
from weir.pipelines.bigquery.errors import TablesError
from weir.transforms.write.bigquery.sink import BigQuerySettings

# The tables with a row for a post, and the column by whose day each is partitioned.
DAYS = {
    "folded_labels": "created_at",  # made of the others: the last that an author is taken out of
    "screenings": "created_at",
    "shadow_screenings": "created_at",
    "verdicts": "created_at",
    "deferrals": "created_at",
    "human_labels": "created_at",
    "dead_letters": "died_at",
    "post_changes": "changed_at",
}


def keep_days(settings: BigQuerySettings, days: int, *, delete_older: bool = False) -> None:
    """Have BigQuery delete each day's rows when they are ``days`` old.

    Raises TablesError, and changes nothing, where rows are older already and ``delete_older`` is
    not set: they would be gone at once.
    """
    if days < 1:
        raise TablesError(f"--retention-days is {days}; give at least 1")
    with open_dataset(settings) as dataset:
        older = {
            table: count
            for table, column in DAYS.items()
            if (count := _older(dataset, table, column, days))
        }
        if older and not delete_older:
            counts = ", ".join(f"{count:,} of {table}" for table, count in older.items())
            raise TablesError(
                f"A retention of {days} days would delete rows at once ({counts}); add "
                "--delete-older if that is what you want"
            )
        for table in DAYS:
            dataset.rows(
                f"ALTER TABLE `{dataset.name}.{table}` "
                f"SET OPTIONS (partition_expiration_days = {days})"
            )


def _older(dataset: Dataset, table: str, column: str, days: int) -> int:
    (row,) = dataset.rows(
        f"SELECT COUNT(*) AS n FROM `{dataset.name}.{table}` "  # noqa: S608 - our names
        f"WHERE {column} < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {days} DAY)",
    )
    return int(row["n"])
