"""The labels of some posts, asked so that nothing but the rows of these is looked at."""

from weir.infra.bigquery.ddl import labels_query
from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.bigquery.folding import days_in_use


def labels_of(dataset: Dataset, where: str) -> str:
    """Return what stands for the view labels in a statement, for the posts that ``where`` names.

    See ``ddl.labels_query`` for what it may name. TablesError.
    """
    return f"({labels_query(dataset.name, where, days_in_use(dataset))}\n)"
