"""Which dataset, from the options."""

from weir.pipelines.errors import OptionError
from weir.pipelines.options.sinks import BigQueryOptions
from weir.transforms.write.bigquery.sink import BigQuerySettings


def bigquery_settings(said: BigQueryOptions) -> BigQuerySettings:
    """Return the dataset; OptionError where no project is named."""
    if not said.project:
        raise OptionError("--bigquery-project is missing: the project of the tables")
    return BigQuerySettings(
        said.project, said.dataset, rest_endpoint=said.rest, grpc_endpoint=said.grpc
    )
