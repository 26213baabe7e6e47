"""The pages of Posts."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from weir.pipelines.console.people import Role
from weir.pipelines.console.posts import appeal_pages, complaining, filters, post_pages
from weir.pipelines.console.posts.filters import Filter, as_query, read_filter, shared_address
from weir.pipelines.console.posts.search import bytes_read, count, read_place, search
from weir.pipelines.console.posts.text import said_of
from weir.pipelines.console.runs.named import require_run
from weir.pipelines.console.visit import (
    Answer,
    Handler,
    Moved,
    Page,
    RefusedError,
    Shown,
    Visit,
    address,
)

_NEWEST = "newest"  # what an address says of an order; without it, violations come first
_OPEN = ("text", "policy", "label", "since", "run")  # the filters that are not folded
ASK_BYTES = 1 << 30  # a search that reads more is begun once somebody has seen how much


def show(visit: Visit) -> Answer:
    """Return the filters, and where the posts that they mean come from."""
    wanted = read_filter(visit)
    require_run(visit, wanted.run)
    typed = visit.query.get("author", "").strip()
    unsaid = any(not value for value in visit.query.values())
    if unsaid or (typed and wanted.authors[0] != typed):
        # An author's id itself stays in no address that anybody keeps or sends.
        return Moved(shared_address(visit, "/posts", wanted, **_look(visit)))
    values = _values(visit, wanted)
    known = {name: visit.query.get(name, "") for name in filters.NAMES}
    more = _look(visit) | {name: visit.query.get(name) for name in ("after", "sure")}
    return Shown(
        "posts/posts.html.j2",
        values
        | {"more_given": any(known[name] for name in known.keys() - _OPEN)}
        | {"given": known | {"author": "".join(wanted.authors[:1])}, "words": filters.WORDS}
        | {"rows_at": shared_address(visit, "/posts/rows", wanted, **more)}
        | {"count_at": shared_address(visit, "/posts/count", wanted)},
    )


def show_rows(visit: Visit) -> Shown:
    """Return a page of the posts that the filters mean, with each of their labels."""
    wanted = read_filter(visit)
    after, newest = read_place(visit.query.get("after", "")), _look(visit)["order"] is not None
    with visit.dataset() as dataset:
        size = None
        if visit.setup.bigquery.rest_endpoint is None:
            size = bytes_read(dataset, wanted, newest=newest)
        if size is not None and size > ASK_BYTES and not visit.query.get("sure"):
            sure = shared_address(visit, "/posts", wanted, **_look(visit), sure="1")
            asked = {"size": size, "most": visit.setup.max_bytes, "sure": sure}
            return Shown("posts/size.html.j2", _values(visit, wanted) | asked)
        found = search(dataset, wanted, after, visit.now, newest=newest)
    more = _look(visit) | {"sure": visit.query.get("sure")}
    further = found.further and shared_address(
        visit, "/posts", wanted, after=str(found.further), **more
    )
    shown = {
        "posts": [_post(labels) for labels in found.posts],
        "worst_first": not (newest or wanted.is_of_a_kind),
        "size": size,
        "further": further,
        "back_to": found.further and found.further.created_at,
        "short": found.short,
        "later": after is not None,
    }
    return Shown("posts/rows.html.j2", _values(visit, wanted) | shown)


def show_count(visit: Visit) -> Shown:
    """Return how many labels the filters mean; of what is most of a stream, once that is asked."""
    wanted = read_filter(visit)
    if not wanted.is_narrow and not visit.query.get("all"):
        at = shared_address(visit, "/posts/count", wanted, all="1")
        return Shown("posts/count.html.j2", _values(visit, wanted) | {"counted": None, "at": at})
    with visit.dataset() as dataset:
        counted = count(dataset, wanted)
    with_links = [
        row
        | {
            "at": shared_address(
                visit, "/posts", wanted, **(_look(visit) | {"label": row["label"]})
            )
        }
        for row in counted
    ]
    return Shown("posts/count.html.j2", _values(visit, wanted) | {"counted": with_links})


def _values(visit: Visit, wanted: Filter) -> dict[str, Any]:
    look = _look(visit)
    hidden = look["texts"] is not None
    switched = look | {"texts": None if hidden else "hidden"}
    spans = {
        "today": f"{visit.now:%Y-%m-%d}",
        f"{visit.setup.days} days": None,
        "30 days": f"{visit.now - timedelta(days=29):%Y-%m-%d}",
        "all": "1970-01-01",
    }
    return {
        "wanted": wanted,
        "hidden": hidden,
        "switched": shared_address(visit, "/posts", wanted, **switched),
        "newest": look["order"],
        "review_at": address("/review", queue="filter", **as_query(wanted)),
        "spans": {
            name: shared_address(
                visit, "/posts", wanted, **(look | {"since": since, "until": None})
            )
            for name, since in spans.items()
        },
    }


def _look(visit: Visit) -> dict[str, str | None]:
    """Return what an address says of how posts are shown, beside which. RefusedError."""
    order = visit.query.get("order", "").strip()
    if order not in ("", _NEWEST):
        raise RefusedError(f"order is {_NEWEST}, or nothing: then violations come first")
    texts = "hidden" if visit.query.get("texts") == "hidden" else None
    return {"texts": texts, "order": order or None}


def _post(labels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a post as its row shows it: the worst of its labels, and the others by what they say.

    The first of its texts that is known stands for all.
    """
    texts = [each for each in labels if each["text"] is not None]
    first = texts[0] if texts else labels[0]
    alike = [(label, list(those)) for label, those in groupby(labels, key=lambda row: row["label"])]
    return {
        "worst": labels[0],
        "alike": alike[0][1],
        "others": alike[1:],
        "said": said_of(first["text"]),
        "cut": first["cut"],
    }


def _form(part: str, handler: Handler) -> Page:
    """Return where a form of the page of a post is sent to."""
    path = f"/posts/{{decision_id}}/{part}"
    return Page(path, handler, Role.REVIEWER, changes=True, form=post_pages.show)


_ASKED = (*filters.NAMES, "order", "texts", "after", "sure", "all")
PAGES = (
    Page("/posts", show, names=_ASKED),
    Page("/posts/rows", show_rows, names=_ASKED),
    Page("/posts/count", show_count, names=_ASKED),
    Page("/posts/{decision_id}", post_pages.show),
    Page("/posts/{decision_id}/others", post_pages.show_others),
    Page("/posts/{decision_id}/flagged", post_pages.show_flagged),
    _form("complain", complaining.complain),
    _form("complaint", complaining.decide_one),
    _form("again", appeal_pages.begin),
    Page("/posts/{decision_id}/again/{asked}", appeal_pages.show, Role.REVIEWER),
)
