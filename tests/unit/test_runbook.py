"""What a person on call is told to run can be run: commands, their options, targets, values."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from weir.infra.bigquery.ddl import TABLES, VIEWS

ROOT = Path(__file__).parents[2]
PAGES = ("operations.md", "deployment.md", "flink.md", "alerts.md")
HELP = ROOT / "pipelines/commands/help"
CHART = ROOT / "infra/kubernetes/weir"
SPANS = ("read", "screen", "judge", "write")  # of a trace
# Of the programs of others, what is told here. None of them is run by this test.
OTHERS = {
    "kubectl": {"create", "get", "logs", "port-forward"},
    "helm": {"template", "upgrade", "history", "rollback"},
    "gcloud": {"dataflow", "services", "secrets", "storage"},
    "docker": {"push", "run"},
    "tofu": {"init", "apply"},
    "kafka-topics.sh": {"--bootstrap-server"},
    "python": {"-m"},
    "sh": {"infra/images/entrypoint.sh"},
}


def text_of(page):
    return (ROOT / "docs" / page).read_text("utf-8")


def commands(page):
    """Return the command lines of a page: of its blocks, and those named in its text."""
    text = text_of(page)
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    lines = [line.partition("  #")[0].strip() for line in blocks.splitlines()]
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines += [
        each for each in re.findall(r"`([^`]+)`", outside) if re.match(r"(weir|make) [a-z]", each)
    ]
    return [line for line in dict.fromkeys(lines) if line]


OURS = [each.name for each in sorted((ROOT / "docs").glob("*.md")) if each.name not in PAGES]
ALL = [(page, line) for page in PAGES for line in commands(page)]
# Of the pages that are no runbook, our own commands.
ALL += [(page, line) for page in OURS for line in commands(page) if line[:5] in ("weir ", "make ")]


def words(line):
    found = [w for w in shlex.split(line.replace("...", "")) if w]
    while found and re.match(r"[A-Z_]+=", found[0]):
        found = found[1:]
    return found


@pytest.mark.parametrize(("page", "line"), ALL, ids=[f"{p}: {line[:40]}" for p, line in ALL])
def test_a_command_and_its_options_exist(page, line):
    program, *rest = words(line)
    if program == "weir":
        name = [each for each in rest[:2] if re.fullmatch(r"[a-z]+", each)]
        file = HELP / f"{'-'.join(name)}.txt"
        file = file if file.exists() else HELP / f"{name[0]}.txt"
        assert file.exists() or list(HELP.glob(f"{name[0]}-*.txt")), f"{page}: weir {name}"
        known = file.read_text("utf-8") if file.exists() else ""
        if name[0] == "demo":  # which takes the job's options too
            known += (HELP / "run.txt").read_text("utf-8")
        # On a cluster and with Beam's own options, run passes on what runners know.
        beams = {"--flink-master", "--environment-type", "--environment-config", "--project"}
        beams |= {"--region", "--temp-location", "--parallelism"}
        said = {each.partition("=")[0] for each in rest if each.startswith("--")} - {"--help"}
        assert [each for each in said - beams if not re.search(rf"{each}\b", known)] == []
    elif program == "make":
        assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    else:
        first = [each for each in rest if not each.startswith("--") or program == "kafka-topics.sh"]
        first = [each for each in first if not each.startswith("-chdir")]
        assert set(first[:2] if program == "kubectl" else first[:1]) & OTHERS[program], line
        if program == "tofu":
            declared = (ROOT / "infra/terraform/variables.tf").read_text("utf-8")
            given = [v.partition("=")[0] for f, v in pairwise(rest) if f == "-var"]
            assert all(f'variable "{name}"' in declared for name in given)


@pytest.mark.parametrize("page", PAGES)
def test_a_file_that_is_named_is_there(page):
    text = text_of(page)
    named = re.findall(r"(?:infra|docs|tests)/[\w./-]*\w", re.sub(r"\*", "", text))
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    made = {"infra/images/bases.lock", "infra/images/requirements-.lock"}
    missing = [n for n in named if n not in made and not (ROOT / n).exists()]
    assert missing == []
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_value_of_the_chart_that_is_named_is_one(page):
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    options = (ROOT / "docs/job.schema.json").read_text("utf-8")
    names = re.findall(
        r"`(?:--set )?((?:screen|judge|job|kafka|secrets|images|serviceAccount|monitoring|network|"
        r"pods|fold|submitter|audit)\.[A-Za-z.-]+)",
        text_of(page),
    )
    for name in set(names) - {"job.yaml"}:
        at, place = values, name.split(".")
        for number, key in enumerate(place):
            free = place[number - 1] in ("job", "options") and number
            if free:
                assert f'"{key}"' in options, name
                break
            assert key in at, name
            at = at[key]


@pytest.mark.parametrize("page", PAGES)
def test_a_table_or_view_that_is_named_is_one(page):
    text = text_of(page)
    for name in re.findall(
        r"`?(?:weir|restored)\.([a-z_]+)`?", re.sub(r"weir\.infra\S*", "", text)
    ):
        assert name in (*TABLES, *VIEWS, *SPANS, "yaml", "json"), name


def test_the_runbook_has_what_a_person_on_call_looks_for():
    wanted = (
        *("Install, upgrade, roll back", "Change a policy", "Change a screen"),
        *("A bad policy went live", "The judge is down", "The broker was lost", "Redrive"),
        *("Replay a day", "Restore a dataset", "Rotate keys", "Forget an author"),
    )
    titles = re.findall(r"^### (.*)$", text_of("operations.md"), re.MULTILINE)
    assert titles == list(wanted)
