"""Views asked of some posts, so that nothing but the rows of these is looked at."""

from collections.abc import Collection

from weir.infra.bigquery.ddl import narrowed_query
from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.bigquery.folding import days_in_use

# The posts of a run that were written in a time.
WITHIN = "run = @run AND created_at >= @begin AND created_at < @end"
# Beside which a verdict says all that labels has of a post and policy that was judged, but for the
# columns weight, record_cleared, detected_language, stages and audit_rate.
BESIDE_VERDICTS = ("screenings", "shadow_screenings", "deferrals")

_LABELS = "SELECT * FROM `{dataset}.labels`"


def labels_of(dataset: Dataset, where: str) -> str:
    """Return what stands for the view labels in a statement, for the posts that ``where`` names.

    See ``ddl.narrowed_query`` for what it may name. TablesError.
    """
    return f"({narrowed(dataset, _LABELS, where)}\n)"


def narrowed(dataset: Dataset, sql: str, where: str, without: Collection[str] = ()) -> str:
    """Return a statement whose views are made of the posts alone that ``where`` names.

    It says the same where ``where`` leaves out no post that it looks at: see
    ``ddl.narrowed_query``. TablesError.
    """
    return narrowed_query(sql, dataset.name, where, days_in_use(dataset), without)
