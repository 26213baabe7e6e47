"""What can be wrong with a dataset, and what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError

from weir.errors import WeirError
from weir.pipelines.bigquery.queries import AnswerError
from weir.transforms.write.bigquery.sink import BigQuerySettings


class TablesError(WeirError, RuntimeError):
    """The tables cannot be made or written to; the message says why and what to do."""


def command(settings: BigQuerySettings) -> str:
    """Return the command that makes the tables of a dataset, or brings them up to date."""
    said = {
        "project": settings.project,
        "dataset": settings.dataset,
        "rest": settings.rest_endpoint,
        "grpc": settings.grpc_endpoint,
    }
    given = [f"--bigquery-{name} {value}" for name, value in said.items() if value]
    return " ".join(["weir tables", *given])


@contextmanager
def explain_errors(settings: BigQuerySettings) -> Iterator[None]:
    """Turn what Google's clients raise into a TablesError, which says what to do."""
    dataset = settings.full_name
    service = settings.rest_endpoint or "BigQuery"
    try:
        yield
    except GoogleAuthError as error:
        raise TablesError(
            f"There are no usable Google Cloud credentials for {dataset}. Run "
            "`gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS."
        ) from error
    except exceptions.NotFound as error:
        raise TablesError(
            f"The dataset {dataset}, or a table in it, does not exist. Make it with "
            f"`{command(settings)} --create-dataset`."
        ) from error
    except (exceptions.Forbidden, exceptions.Unauthorized) as error:
        raise TablesError(
            f"These credentials may not use {dataset}, or it does not exist: BigQuery says the "
            "same of both. Grant them roles/bigquery.dataEditor on the dataset and "
            f"roles/bigquery.jobUser on the project, or make it with `{command(settings)} "
            "--create-dataset`."
        ) from error
    except (
        requests.ConnectionError,
        requests.Timeout,
        exceptions.RetryError,
        exceptions.ServiceUnavailable,
        exceptions.DeadlineExceeded,
    ) as error:
        raise TablesError(
            f"{service} cannot be reached for {dataset}. Check the network, or the endpoints of "
            "the emulator."
        ) from error
    except (requests.RequestException, AnswerError) as error:
        why = (
            error if isinstance(error, AnswerError) else "What it answers is not what BigQuery does"
        )
        raise TablesError(
            f"{service} cannot be used for {dataset}. {why}: look at what stands between, a proxy "
            "or the emulator, and try again; what was asked for may have been done."
        ) from error
    except exceptions.BadRequest as error:  # what is asked is ours, and fits today's tables
        raise TablesError(
            f"{service} refused a request for {dataset}: {_reason(error)}. Where an older version "
            f"made its tables, bring them up to date with `{command(settings)}`."
        ) from error
    except exceptions.GoogleAPICallError as error:
        raise TablesError(f"{service} refused a request for {dataset}: {_reason(error)}") from error


def _reason(error: exceptions.GoogleAPICallError) -> str:
    return (error.message or type(error).__name__).strip().partition("\n")[0].rstrip(".")
