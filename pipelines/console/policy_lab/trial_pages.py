"""A text tried on posts before it decides any: where it is vague, and what it flips."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from weir.pipelines.console.days import read_day
from weir.pipelines.console.people import Role
from weir.pipelines.console.policy_lab import running_trials
from weir.pipelines.console.policy_lab.edit import Edit, edit_of
from weir.pipelines.console.policy_lab.folder import Entry, Folder
from weir.pipelines.console.policy_lab.running_trials import Asked, Trial
from weir.pipelines.console.policy_lab.trial_results import Post
from weir.pipelines.console.policy_lab.typed import opened
from weir.pipelines.console.visit import Moved, Page, RefusedError, Shown, Visit, address
from weir.pipelines.settings.engines import stand_in
from weir.policies.policy import Policy
from weir.transforms.judge.engine import Engine

MOST_POSTS = 200
REPEATS = (2, 3, 4, 5)
_USUAL = 3
_LOOK_BACK = timedelta(days=7)
_DECISION = re.compile(r"[0-9a-f]{32}-[0-9]{1,19}")
_BETWEEN = re.compile(r"^-{3,}$", re.MULTILINE)
_TEXTS = """
SELECT decision_id, MAX(text) AS text FROM `{dataset}.verdicts`
WHERE run = @run AND DATE(created_at) BETWEEN @since AND @until
  AND decision_id IN UNNEST(@decisions)
GROUP BY decision_id
"""


def show(visit: Visit) -> Shown:
    """Return the form of a trial, of the draft where there is one, or of what is in force."""
    entry = Folder.of(visit.setup).find(visit.path["policy_id"])
    document, examples = opened(entry, drafted=entry.has_draft)
    post, day = visit.query.get("post", ""), visit.query.get("day")
    chosen = address(f"/posts/{post}", day=day) if post else ""
    return _form(visit, entry, edit_of(document, examples), {"decisions": chosen})


def show_typed(visit: Visit) -> Shown:
    """Return the form of a trial of what was typed."""
    entry = Folder.of(visit.setup).find_or_gone(visit.path["policy_id"])
    edit = edit_of(visit.form.get("document", ""), visit.form.get("examples"))
    return _form(visit, entry, edit, visit.form)


def start(visit: Visit) -> Moved:
    """Begin a trial in this process, and lead to what becomes of it."""
    entry = Folder.of(visit.setup).find_or_gone(visit.path["policy_id"])
    edit = edit_of(visit.form.get("document", ""), visit.form.get("examples"))
    if edit.policy is None:
        note = edit.notes[0]
        raise RefusedError(f"It cannot be tried yet: {note.file}:{note.line}: {note.message}")
    asked = Asked(
        edit.policy,
        _beside(entry, edit.policy),
        tuple(each.policy for each in Folder.of(visit.setup).entries() if each.policy),
        _posts(visit, edit.policy),
        _repeats(visit.form.get("repeats", "")),
    )
    trial = running_trials.TRIALS.start(asked, _engine(visit), visit.person.name, visit.now)
    again = f"This trial of yours runs since {trial.started:%H:%M:%S} UTC: no other was begun."
    return Moved(trial.address, "" if trial.asked is asked else again)


def follow(visit: Visit) -> Shown:
    """Return a trial as far as it has come."""
    return Shown("policy_lab/trial.html.j2", _found(visit))


def follow_part(visit: Visit) -> Shown:
    """Return the same without what stands around it, to renew itself."""
    return Shown("policy_lab/trial_part.html.j2", _found(visit))


def stop(visit: Visit) -> Moved:
    """Stop a trial; what was answered until then is shown."""
    trial = running_trials.TRIALS.find(visit.path["trial_id"], visit.now)
    trial.stop()
    trial.ended.wait(10)
    return Moved(f"/policies/{visit.path['policy_id']}/trials/{trial.trial_id}", "Stopped.")


def _found(visit: Visit) -> dict[str, Any]:
    trial: Trial = running_trials.TRIALS.find(visit.path["trial_id"], visit.now)
    return {"trial": trial, "policy_id": visit.path["policy_id"], "results": trial.results}


def _form(visit: Visit, entry: Entry, edit: Edit, said: Any) -> Shown:
    engine = visit.setup.engine
    trials = running_trials.TRIALS.of(visit.person.name)
    sent = "repeats" in said  # by this form, and refused
    values = {
        "entry": entry,
        "edit": edit,
        "beside": edit.policy and _beside(entry, edit.policy),
        "engine": engine,
        "stand_in": engine is not None and stand_in(engine) is not None,
        "repeats": REPEATS,
        "most": MOST_POSTS,
        "pasted": said.get("pasted", ""),
        "decisions": said.get("decisions", ""),
        "times": said.get("repeats", str(_USUAL)),
        "examples_too": "with_examples" in said
        if sent
        else bool(edit.policy and edit.policy.examples),
        "running": next((each for each in trials if not each.ended.is_set()), None),
        "trials": [t for t in trials if t.asked.policy.policy_id == entry.policy_id],
    }
    return Shown("policy_lab/try.html.j2", values)


def _beside(entry: Entry, policy: Policy) -> Policy | None:
    """Return what jobs read now, where that is another text than is tried."""
    there = entry.policy
    if there is None or there.policy_id != policy.policy_id:
        return None
    return None if (there.version, there.examples) == (policy.version, policy.examples) else there


def _engine(visit: Visit) -> Callable[[], Engine]:
    if visit.setup.engine is None:
        raise RefusedError(
            "No judge is known here: start the console with --engine endpoint --endpoint-url URL"
        )
    return visit.setup.engine


def _repeats(said: str) -> int:
    if said not in map(str, REPEATS):
        raise RefusedError(f"Each post is asked about {REPEATS[0]} to {REPEATS[-1]} times")
    return int(said)


def _posts(visit: Visit, policy: Policy) -> tuple[Post, ...]:
    """Return what is chosen, labelled posts first; RefusedError of none, or of too many."""
    chosen = [*_of_stream(visit), *_pasted(visit.form.get("pasted", ""))]
    golden = [
        Post(each.text, f"example {number}", each.violates, each.rule_id, each.note)
        for number, each in enumerate(policy.examples, start=1)
    ]
    if "with_examples" not in visit.form:
        golden = []
    if not chosen and not golden:
        raise RefusedError("There is no post to try it on: paste some, or take the examples")
    if len(chosen) > MOST_POSTS:
        raise RefusedError(f"{len(chosen)} posts are too many at once: {MOST_POSTS} is the most")
    room = MOST_POSTS - len(chosen)
    if len(golden) > room:  # evenly, as a table has its kinds one after the other
        golden = [golden[number * len(golden) // room] for number in range(room)]
    return (*golden, *chosen)


def _pasted(text: str) -> Iterator[Post]:
    """Yield the posts of a text area: one a line, or, where lines of --- part them, of several."""
    parts = _BETWEEN.split(text) if _BETWEEN.search(text) else text.split("\n")
    for number, part in enumerate((each.strip() for each in parts if each.strip()), start=1):
        yield Post(part, f"pasted {number}")


def _of_stream(visit: Visit) -> Iterator[Post]:
    """Yield the posts of the stream that were named; RefusedError of one that has no text."""
    named = [_named(line) for line in visit.form.get("decisions", "").split()]
    if not named:
        return
    days = [day or visit.now.date() for _, day in named]
    undated = any(day is None for _, day in named)
    since = min([*days, (visit.now - _LOOK_BACK).date()] if undated else days)
    ids = list(dict.fromkeys(decision for decision, _ in named))
    rows = visit.rows(_TEXTS, run=visit.run, since=since, until=max(days), decisions=ids)
    texts = {row["decision_id"]: row["text"] for row in rows}
    for each in ids:
        if each not in texts:
            raise RefusedError(
                f"Of the decision {each} no text is stored in the run {visit.run} on that day: "
                "only posts that were judged have one"
            )
        yield Post(texts[each], f"decision {each}")


def _named(line: str) -> tuple[str, date | None]:
    found = _DECISION.search(line)
    if not found:
        raise RefusedError(
            "A post of the stream is named by the address of its page, or the id of its decision"
        )
    try:
        (day,) = parse_qs(urlsplit(line).query).get("day", [""])
    except ValueError:
        raise RefusedError("The address of a post has no day that can be read") from None
    return found[0], read_day("day", day)


_ONE = "/policies/{policy_id}"
PAGES = (
    Page(f"{_ONE}/try", show, Role.WRITER),
    Page(f"{_ONE}/try", show_typed, Role.WRITER, changes=True),
    Page(f"{_ONE}/trials", start, Role.WRITER, changes=True, form=show_typed),
    Page(f"{_ONE}/trials/{{trial_id}}", follow, Role.WRITER),
    Page(f"{_ONE}/trials/{{trial_id}}/part", follow_part, Role.WRITER),
    Page(f"{_ONE}/trials/{{trial_id}}/stop", stop, Role.WRITER, changes=True),
)
