"""The runs that an address can name, so that a misspelled one does not look like an empty one."""

from contextlib import suppress
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, urlsplit

from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.console.runs import processes
from weir.pipelines.console.visit import RefusedError, Visit, address
from weir.pipelines.errors import OptionError
from weir.pipelines.monitoring.status import jobs_of_dataset
from weir.pipelines.options.screening import require_run_name

_MOST_OFFERED = 20
# A job has rows long before it ends, and may have dead letters alone.
_ANYWHERE = " UNION ALL ".join(
    f"(SELECT run FROM `{{dataset}}.{table}` WHERE run = @run LIMIT 1)"  # noqa: S608 - our names
    for table in ("runs", "replays", "screenings", "verdicts", "dead_letters")
)
_NAMES = """
SELECT run, MAX(heard_at) AS latest
FROM (
  SELECT run, ended_at AS heard_at FROM `{dataset}.runs`
  UNION ALL
  SELECT run, begun_at FROM `{dataset}.replays`
)
GROUP BY run ORDER BY latest DESC, run LIMIT @most
"""
_NAMED = ("run", "other")  # what an address calls a run
_KNOWN: set[tuple[str, str]] = set()  # a run that was there is not asked for again


def run_names(visit: Visit) -> list[str]:
    """Return that of the console, of what runs on this machine, and of the latest. TablesError."""
    stored = [row["run"] for row in visit.rows(_NAMES, most=_MOST_OFFERED)]
    return list(dict.fromkeys([visit.setup.run, *sorted(_here(visit)), *stored]))


def require_run(visit: Visit, name: str) -> None:
    """Raise RefusedError where the address names a run that is none, with the ways to others.

    While BigQuery does not answer nobody knows, and the page itself says so.
    """
    with suppress(TablesError):
        if name and not _is_run(visit, name):
            raise RefusedError(
                f"There is no run {name!r} in {visit.setup.bigquery.full_name}, nor on this "
                "machine; /runs lists those there are",
                HTTPStatus.NOT_FOUND,
                {each: _instead(visit, name, each) for each in run_names(visit)},
            )


def _is_run(visit: Visit, name: str) -> bool:
    """Return whether anything is known of a run, here or in the dataset."""
    try:
        require_run_name(name)
    except OptionError:
        raise RefusedError(
            "That is no name of a run; /runs lists those there are", HTTPStatus.NOT_FOUND
        ) from None
    known = (visit.setup.bigquery.place, name)
    if name == visit.setup.run or known in _KNOWN or name in _here(visit):
        return True
    if visit.rows(_ANYWHERE, run=name):
        _KNOWN.add(known)
    return known in _KNOWN


def _here(visit: Visit) -> set[str]:
    kept = processes.all_of(visit.setup.bigquery)
    jobs = jobs_of_dataset(visit.setup.bigquery.place)
    return {job["run"] for job in jobs} | {each.asked.run for each in kept}


def _instead(visit: Visit, name: str, run: str) -> str:
    """Return the visit's address with another run in the place of one."""
    parts = urlsplit(visit.address)
    if "run" in visit.path:
        return f"/runs/{quote(run, safe='')}"
    asked = dict(parse_qsl(parts.query))
    instead = {key: run for key in _NAMED if asked.get(key, "").strip() == name}
    return address(parts.path, **(asked | instead))
