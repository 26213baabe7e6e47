"""The pages of Runs, and of comparisons."""

import os
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from weir.pipelines.console import actions
from weir.pipelines.console.people import Role
from weir.pipelines.console.runs import processes
from weir.pipelines.console.runs.claims import claim
from weir.pipelines.console.runs.comparison import COMPARED, show_compared, show_comparison
from weir.pipelines.console.runs.known import (
    accounts_of,
    days_of,
    latest_days,
    policies_of,
    runs_of,
)
from weir.pipelines.console.runs.named import require_run, run_names
from weir.pipelines.console.runs.processes import DEFERRED, FORECAST, REPLAY, Kept
from weir.pipelines.console.runs.replays import (
    DRY_RUN,
    OF_DEFERRED,
    arguments_of,
    asked_of,
    defaults,
    deferred_arguments,
    jobs_of,
    with_draft,
)
from weir.pipelines.console.visit import Moved, Page, RefusedError, Shown, Visit, address
from weir.pipelines.monitoring.status import is_of, local_jobs


def show(visit: Visit) -> Shown:
    """Return the runs that are known."""
    return Shown("runs/runs.html.j2", {"runs": runs_of(visit)})


def show_here(visit: Visit) -> Shown:
    """Return the part of what runs on this machine now."""
    here = visit.setup.bigquery
    found = local_jobs()
    values = {
        "jobs": [job for job in found if is_of(job, here.place)],
        "others": [job for job in found if not is_of(job, here.place)],
        "kept": processes.all_of(here),
    }
    return Shown("runs/here.html.j2", values)


def show_names(visit: Visit) -> Shown:
    """Return the names of the runs, for a box that one is typed in."""
    return Shown("runs/names.html.j2", {"names": run_names(visit)})


def show_accounts(visit: Visit) -> Shown:
    """Return the part that says whether everything has its decisions."""
    rows, so_far = accounts_of(visit, visit.query.get("run", ""))
    return Shown("runs/accounts.html.j2", {"rows": rows, "so_far": so_far})


def show_policies(visit: Visit) -> Shown:
    """Return the part of a run's counts by policy."""
    run = visit.query.get("run", "")
    rows, so_far = policies_of(visit, run, of_all_days=visit.query.get("all") == "yes")
    spans = so_far.pieces or ()
    days = [spans[-1].begin.date(), (spans[0].end - timedelta(days=1)).date()] if spans else []
    values = {"rows": rows, "so_far": so_far, "run": run, "days": days}
    return Shown("runs/policies.html.j2", values)


def show_run(visit: Visit) -> Shown:
    """Return one run: what it was told, how far it is, what became of it."""
    name = visit.path["run"]
    require_run(visit, name)
    found = next(iter(runs_of(visit, name)), None)
    here = _here(visit, name)
    days = days_of(visit, name)
    others = [each.name for each in runs_of(visit) if each.name != name][:20]
    if visit.setup.run not in (name, *others):
        others.insert(0, visit.setup.run)
    more = days is not None and latest_days(days) != [*days]
    values = {"name": name, "run": found, "days": days, "more": more, "others": others}
    return Shown("runs/run.html.j2", values | here)


def show_process(visit: Visit) -> Shown:
    """Return the part of a run's process, as it stands now."""
    name = visit.query.get("run", "")
    return Shown("runs/process.html.j2", {"name": name} | _here(visit, name))


def _here(visit: Visit, name: str) -> dict[str, Any]:
    """Return what of a run is on this machine: the console's process, and the jobs that run."""
    return {"kept": processes.find(visit.setup.bigquery, name), "jobs": jobs_of(visit.setup, name)}


def show_form(visit: Visit) -> Shown:
    """Return the form of a replay, with what was typed or the address says."""
    said = defaults(visit.setup)
    asked = visit.form or visit.query
    said |= {name: asked.get(name, "") for name in said if visit.form or name in asked}
    return Shown("runs/form.html.j2", {"fields": said})


def forecast(visit: Visit) -> Moved:
    """Start the forecast of a replay."""
    said = {name: visit.form.get(name, "") for name in defaults(visit.setup)}
    arguments = arguments_of(visit.setup, said)
    run = said["name"].strip()
    if said["draft"]:
        processes.require_idle(visit.setup.bigquery, run)
        place = processes.folder_of(visit.setup.bigquery, run) / "policies"
        drafted = with_draft(visit.setup, said["draft"].strip(), place)
        arguments = arguments_of(visit.setup, said | {"policies": drafted})
    arguments = (*arguments, DRY_RUN)
    asked = asked_of(visit, FORECAST, arguments, said)
    processes.start(visit.setup.bigquery, asked, os.environ)
    return Moved(_at(run), "The forecast was started.")


def start(visit: Visit) -> Moved:
    """Start a replay whose forecast is done, or that was stopped."""
    kept = _of_form(visit)
    if kept.running and kept.asked.what == REPLAY:
        return Moved(_at(kept.asked.run), f"It runs already, started by {kept.asked.person}.")
    if kept.asked.what == DEFERRED:
        raise RefusedError("What waits is judged from the page of what waits")
    if kept.asked.what == FORECAST and not kept.ready:
        raise RefusedError("The forecast is not done: wait for it, or mend what it says")
    arguments = tuple(each for each in kept.asked.arguments if each != DRY_RUN)
    run = kept.asked.run
    asked = asked_of(visit, REPLAY, arguments, kept.asked.said)
    with claim(visit, "run-start", run, run, _at(run), arguments=arguments):
        processes.start(visit.setup.bigquery, asked, os.environ)
    return Moved(_at(kept.asked.run), "The replay was started.")


def stop(visit: Visit) -> Moved:
    """Have a process finish what is in flight, and end."""
    kept = _of_form(visit)
    run, person, at_once = kept.asked.run, visit.person.name, visit.form.get("at_once", "")
    # A form that is sent again, as it could not be recorded, does not stop it at once.
    told = kept.stopping and not at_once and (kept.running or kept.stopping == person)
    if not told:
        processes.stop(visit.setup.bigquery, run, person)
    what = f"{'run' if kept.asked.what == REPLAY else kept.asked.what}-stop"
    identity = f"{what} {run} {kept.asked.begun} {person} {at_once}"
    actions.record(
        visit,
        what,
        run,
        why=visit.form.get("why", ""),
        detail=processes.describe(kept),
        action_id=actions.id_of(identity),
    )
    return Moved(_at(kept.asked.run), "It finishes what is in flight, and ends.")


def start_deferred(visit: Visit) -> Moved:
    """Start a job that judges what waits, as ``weir run --source deferred`` does."""
    arguments = deferred_arguments(visit.setup)
    asked = asked_of(visit, DEFERRED, arguments, {"name": OF_DEFERRED})
    processes.require_idle(visit.setup.bigquery, OF_DEFERRED)
    topic = visit.setup.deferred_topic
    at = "/dead-letters/deferred"
    with claim(visit, "deferred-start", topic, OF_DEFERRED, at, arguments=arguments):
        processes.start(visit.setup.bigquery, asked, os.environ)
    return Moved(_at(OF_DEFERRED), "What waits is being judged.")


def _of_form(visit: Visit) -> Kept:
    run = visit.form.get("name", "")
    kept = processes.find(visit.setup.bigquery, run)
    if kept is None:
        raise RefusedError(
            f"No console on this machine has started a replay {run!r}; begin with its form",
            HTTPStatus.NOT_FOUND,
        )
    return kept


def _at(run: str) -> str:
    return address(f"/runs/{quote(run, safe='')}")


PAGES = (
    Page("/runs", show, names=()),
    Page("/run-parts/here", show_here),
    Page("/run-parts/names", show_names),
    Page("/run-parts/accounts", show_accounts),
    Page("/run-parts/policies", show_policies),
    Page("/run-parts/process", show_process),
    Page("/run-parts/compared", show_compared, names=COMPARED),
    Page("/compare", show_comparison, names=COMPARED),
    Page("/replay", show_form, Role.OPERATOR),
    Page("/replay/forecast", forecast, Role.OPERATOR, changes=True, form=show_form),
    Page("/replay/start", start, Role.OPERATOR, changes=True),
    Page("/replay/stop", stop, Role.OPERATOR, changes=True),
    Page("/dead-letters/deferred/start", start_deferred, Role.OPERATOR, changes=True),
    Page("/runs/{run}", show_run),
)
