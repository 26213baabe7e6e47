"""``weir report``: the figures against a count in Python, and the page in a real browser."""

import json
import shutil
import socketserver
import subprocess
import threading
import uuid
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from tests.integration.analyst_views.cases import drawn, store
from tests.integration.stored import put, service
from tests.report_figures import figures as made_up
from tests.rows import dead_letter, screening, verdict
from weir.pipelines.bigquery.rows import insert
from weir.pipelines.commands.cli import app
from weir.pipelines.replay.forecast import PUBLISHED_RATE
from weir.pipelines.report.figures import figures
from weir.pipelines.report.page import page
from weir.transforms.screen.selectivity import SHARES

MADE = datetime(2026, 3, 15, 8, 30, tzinfo=UTC)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")


@pytest.fixture
def run():
    return f"run-{uuid.uuid4().hex[:8]}"


def test_the_figures_of_the_days_are_those_of_the_posts(bigquery, run):
    pairs = [pair for pair in drawn(5, share=1.0) if pair.policy == "spam"]
    store(bigquery, run, pairs, share=1.0)
    put(bigquery, "dead_letters", [dead_letter(run, 1, "decode", "invalid_json")] * 2)
    found = figures(bigquery, run, None)
    days = defaultdict(list)
    for pair in pairs:
        days[pair.day].append(pair)
    assert [(day.day, day.posts, day.escalated, day.flagged) for day in found.days] == [
        (
            *(day, len(each)),
            sum(pair.route in ("escalate", "forced") for pair in each),
            sum(pair.label == "violates" for pair in each),
        )
        for day, each in sorted(days.items())
    ]
    (spam,) = found.policies
    assert spam.violating == sum(pair.label == "violates" for pair in pairs) == sum(spam.trend)
    assert found.reviewed == sum(pair.human is not None for pair in pairs)
    (cost,) = found.costs
    assert cost.verdicts == sum(len(pair.answers) for pair in pairs)
    ((policy, versions),) = found.changes
    assert (policy, [each.policy_version for each in versions]) == ("spam", ["v1", "v2"])
    (cause,) = found.causes
    assert (cause.reason, cause.letters) == ("invalid_json", 1)
    assert {each.policy_id for each in found.examples} == {"spam"}
    assert {each.name for each in found.categories} <= {"a", "b", "R1"}


def test_a_post_counts_once_for_all_policies_and_a_shadow_policy_not_at_all(bigquery, run):
    stored = {"mode": "enforce", "shadow_policies": ["hate"]}
    put(
        bigquery,
        "screenings",
        [
            screening(run, 1, stored=stored, spam="escalate", fraud="escalate", hate="clear"),
            screening(run, 2, stored=stored, spam="clear", fraud="clear", hate="escalate"),
        ],
    )
    put(
        bigquery,
        "verdicts",
        [
            verdict(run, 1, "spam", "violates"),
            verdict(run, 1, "fraud", "violates"),
            verdict(run, 2, "hate", "violates", mode="shadow"),
        ],
    )
    (day,) = figures(bigquery, run, None).days
    assert (day.posts, day.escalated, day.flagged) == (2, 1, 1)
    assert {row.policy_id for row in figures(bigquery, run, None).policies} == {"spam", "fraud"}
    (shadow,) = figures(bigquery, run, None, "shadow").policies
    assert (shadow.policy_id, shadow.violating) == ("hate", 1)


def test_what_each_stage_saved_and_what_a_point_of_recall_costs_is_said_by_policy(bigquery, run):
    spam, hate = ({"policy_id": name, "languages": ["en"]} for name in ("spam", "hate"))
    card = {"selectivity": [spam | {"recall": SHARES}, hate | {"recall": None}]}
    insert(bigquery, "screens", {"screen_version": run, "card": json.dumps(card)})
    rows = [
        screening(run, n, screen_version=run, stored={"stages": stages}, spam=route, hate="clear")
        for n, (stages, route) in enumerate(
            [(1, "clear"), (2, "clear"), (2, "escalate"), (2, "audit")]
        )
    ]
    put(bigquery, "screenings", rows)
    found = {row.policy_id: row for row in figures(bigquery, run, None).stages}
    said = found["spam"]
    assert said.requests_per_1000 == 500
    assert (said.saved_by_first_per_1000, said.saved_by_second_per_1000) == (250, 250)
    assert said.gpu_seconds == said.gpu_seconds_saved == pytest.approx(2 / PUBLISHED_RATE)
    assert said.point == pytest.approx(10)  # the curve is that of chance
    assert found["hate"].point is None


def test_where_a_day_has_no_row_of_what_was_cleared_nothing_is_said_of_1000_posts(bigquery, run):
    rows = [
        screening(run, n, stored={"record_cleared": share}, spam="escalate")
        | {"created_at": MADE - timedelta(days=n)}
        for n, share in enumerate((0.0, 1.0))
    ]
    put(bigquery, "screenings", rows)
    (said,) = figures(bigquery, run, None).stages
    assert (said.requests_per_1000, said.gpu_seconds_saved, said.point) == (None, None, None)
    assert said.gpu_seconds == pytest.approx(2 / PUBLISHED_RATE)


def weir_report(settings, *more):
    return CliRunner().invoke(app, ["report", *service(settings), *more])


def test_the_command_writes_the_page_and_can_leave_texts_out(bigquery, run, tmp_path):
    put(bigquery, "screenings", [screening(run, 1, spam="escalate")])
    put(bigquery, "verdicts", [verdict(run, 1, "spam", "violates", text="<b>a secret</b>")])
    out = tmp_path / "report.html"
    more = ["--run", run, "--days", "0", "--out", str(out)]
    assert weir_report(bigquery, *more).exit_code == 0
    assert "&lt;b&gt;a secret&lt;/b&gt;" in out.read_text("utf-8")
    assert weir_report(bigquery, *more, "--hide-text").exit_code == 0
    assert "secret" not in out.read_text("utf-8")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--run", "no-such-run", "--out", "x.html"], "no-such-run"),
        (["--days", "-1", "--out", "x.html"], "--days is -1"),
        (["--bigquery-dataset", "no_such_dataset", "--out", "x.html"], "no_such_dataset"),
    ],
)
def test_a_report_of_nothing_is_one_sentence_and_exit_code_2(bigquery, more, said):
    result = weir_report(bigquery, *more)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


# A post that would run, and ask a server, in five ways.
ATTACK = (
    "<script>document.title='ran'</script>"
    "<img src='http://planted.example/a' onerror=\"document.title='ran'\">"
    "</style><link rel=stylesheet href='http://planted.example/b'>"
    "<svg onload=\"document.title='ran'\"></svg>"
    "<iframe src='http://planted.example/c'></iframe>"
)


@contextmanager
def proxy():
    """Stand for the network: answer nothing, and note what is asked for."""
    asked = []

    class Note(socketserver.StreamRequestHandler):
        def handle(self):
            asked.append(self.rfile.readline(4096).decode("latin-1"))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Note) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()


def browse(path, profile, *more):
    """Open a page in headless Chromium; return its document, and what it asked a network for."""
    with proxy() as (port, asked):
        done = subprocess.run(
            [
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update"),
                *(f"--user-data-dir={profile}", f"--proxy-server=127.0.0.1:{port}"),
                *(*more, f"file://{path}"),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
    return done.stdout, [line for line in asked if "planted.example" in line]


@needs_chromium
@pytest.mark.outside  # Chromium looks whether there is IPv6
def test_in_a_browser_no_post_runs_and_nothing_is_asked_for(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page(made_up(ATTACK), MADE), "utf-8")
    document, asked = browse(path, tmp_path / "profile", "--dump-dom")
    assert "<title>Weir: live" in document
    assert asked == []


@needs_chromium
@pytest.mark.outside  # Chromium looks whether there is IPv6
def test_were_a_post_not_escaped_the_page_would_still_run_and_ask_for_nothing(tmp_path):
    path = tmp_path / "report.html"
    content = page(made_up("a plain text"), MADE)
    path.write_text(content.replace("a plain text", ATTACK), "utf-8")
    document, asked = browse(path, tmp_path / "profile", "--dump-dom")
    assert "<title>Weir: live" in document
    assert asked == []


@needs_chromium
@pytest.mark.outside  # Chromium looks whether there is IPv6
def test_the_browser_would_show_a_page_that_runs_and_asks(tmp_path):
    path = tmp_path / "unsafe.html"
    path.write_text(f"<title>quiet</title><style>{ATTACK}", "utf-8")
    document, asked = browse(path, tmp_path / "profile", "--dump-dom")
    assert "<title>ran</title>" in document or asked
    assert asked


@needs_chromium
@pytest.mark.outside  # Chromium looks whether there is IPv6
def test_the_page_can_be_drawn_and_printed(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page(made_up(), MADE), "utf-8")
    picture, print_out = tmp_path / "page.png", tmp_path / "page.pdf"
    browse(path, tmp_path / "a", f"--screenshot={picture}", "--window-size=1100,2400")
    browse(path, tmp_path / "b", f"--print-to-pdf={print_out}")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert print_out.read_bytes().startswith(b"%PDF")
