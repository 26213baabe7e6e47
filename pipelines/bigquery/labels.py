"""The labels of some posts, asked so that nothing but the rows of these is looked at."""

from weir.infra.bigquery.ddl import labels_query, view_query
from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.bigquery.folding import days_in_use


def labels_of(dataset: Dataset, where: str) -> str:
    """Return what stands for the view labels in a statement, for the posts that ``where`` names.

    See ``ddl.labels_query`` for what it may name. TablesError.
    """
    return f"({labels_query(dataset.name, where, days_in_use(dataset))}\n)"


def narrowed(dataset: Dataset, sql: str, where: str) -> str:
    """Return a statement whose labels, also below appeals_sample, are made as in ``labels_of``.

    It says the same where ``where`` leaves out no post that it looks at. TablesError.
    """
    sampled = f"({view_query('appeals_sample', dataset.name)})"
    asked = sql.replace("`{dataset}.appeals_sample`", sampled).replace("{dataset}", dataset.name)
    return asked.replace(f"`{dataset.name}.labels`", labels_of(dataset, where))
