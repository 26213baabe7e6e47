"""Visits to the console's pages without a server: what is stored is kept in a list."""

from contextlib import contextmanager
from dataclasses import dataclass, field

from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import Visit
from weir.transforms.write.bigquery.sink import BigQuerySettings

NOWHERE = BigQuerySettings(project="p", dataset="d", rest_endpoint="http://127.0.0.1:9")


@dataclass
class Stored:
    """A dataset that keeps the rows of ``console_actions``; ``refuses`` is raised once."""

    actions: list[dict] = field(default_factory=list)
    refuses: Exception | None = None

    def rows(self, sql, **values):
        if self.refuses is not None:
            raised, self.refuses = self.refuses, None
            raise raised
        if sql.startswith("INSERT"):
            self.actions.append(values)
            return []
        edit = values.get("edit")
        return [row for row in self.actions if edit and edit in (row.get("detail") or "")]


@dataclass(frozen=True)
class Tried(Visit):
    """A visit whose dataset is a list."""

    stored: Stored = field(default_factory=Stored)

    @contextmanager
    def dataset(self):
        yield self.stored


def visit(policies, stored=None, *, role=Role.WRITER, form=None, query=None, engine=None, **path):
    """Return a visit of one person to a page of a folder of policies."""
    setup = Setup(bigquery=NOWHERE, access=OnLoopback(), policies=str(policies), engine=engine)
    stored = stored or Stored()
    person = Person("ada", role)
    return Tried(setup, person, "/policies", path, query or {}, form or {}, stored=stored)


def page(answer, seen):
    """Return what a browser is shown of an answer."""
    shared = {"visit": seen, "rooms": (), "said": ""}
    return fill(answer.template, answer.values, bare=False, **shared)
