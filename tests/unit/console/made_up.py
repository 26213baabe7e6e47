"""Pages of a console without rooms, and who opens them."""

import hashlib
from http import HTTPStatus

from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.console.access import ByToken, OnLoopback
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.visit import Moved, Page, RefusedError, Saved, Shown
from weir.transforms.write.bigquery.sink import BigQuerySettings

NOWHERE = BigQuerySettings(
    "p", "d", rest_endpoint="http://127.0.0.1:1", grpc_endpoint="127.0.0.1:1"
)
HERE = {"sec-fetch-site": "same-origin"}
ADA = OnLoopback("ada")
TYPED = "what was typed <b>\nat length"


def hello(visit):
    return Shown("layout/plain.html.j2", {"message": f"hello {visit.person.name}"})


def done(visit):
    return Moved("/hello", f"done: {visit.form['word']}")


def filtered(visit):
    if visit.query.get("policy") == "no":
        raise RefusedError("That is no policy")
    return hello(visit)


def again(visit):
    return Shown("layout/plain.html.j2", {"message": f"the form with {visit.form['word']}"})


def raises(error):
    def handler(_visit):
        raise error

    return handler


def breaking_off(why):
    raise TablesError(why)


def breaking():
    yield b"first\n"
    yield from breaking_off("BigQuery went away")


def unbegun():
    yield from breaking_off("BigQuery is away")


PAGES = (
    Page("/hello", hello),
    Page("/write", done, Role.WRITER, changes=True),
    Page("/away", raises(TablesError("BigQuery is away.")), Role.REVIEWER, changes=True),
    Page("/wrong", raises(RefusedError("that is gone", HTTPStatus.CONFLICT)), changes=True),
    Page("/defect", raises(RuntimeError("a post's text")), changes=True),
    Page("/unfilled", lambda _: Shown("layout/plain.html.j2", {})),
    Page("/elsewhere", lambda _: Moved("//planted.example/"), changes=True),
    Page("/filtered", filtered, names=("run", "policy")),
    Page(
        "/mended",
        raises(RefusedError("no such word", ways={"A way": "/on"})),
        changes=True,
        form=again,
    ),
    Page("/pressed", raises(RefusedError("nobody is there")), changes=True, form=hello),
    Page(
        "/torn", raises(RefusedError("no such word")), changes=True, form=raises(TablesError("x."))
    ),
    Page("/lost", raises(RefusedError("no such word")), changes=True, form=raises(KeyError("x"))),
    Page(
        "/blank",
        raises(RefusedError("no such word")),
        changes=True,
        form=lambda _: Shown("layout/plain.html.j2", {}),
    ),
    Page("/file", lambda _: Saved("a b.csv", "text/csv", [b"a", b"b"])),
    Page("/nothing", lambda _: Saved("a.csv", "text/csv", [])),
    Page("/unbegun", lambda _: Saved("a.csv", "text/csv", unbegun())),
    Page("/breaking", lambda _: Saved("a.csv", "text/csv", breaking())),
)


def with_role(role, name="grace", token="t"):
    return ByToken({hashlib.sha256(token.encode()).hexdigest(): Person(name, role)})


def signed_in(client, role, **more):
    browser = client(with_role(role), **more)
    answer = browser.post("/sign-in", data={"token": "t"}, headers=HERE)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    return browser
