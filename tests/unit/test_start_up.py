"""What runs no job starts at once: nothing of Beam, Kafka or BigQuery is imported for it."""

import ast
import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from weir.pipelines.commands.cli import app
from weir.pipelines.commands.help_texts import DOCS, FOLDER, help_texts, reference
from weir.policies.loading import LIBRARY

SLOW = ["apache_beam", "google.cloud", "grpc", "kafka", "pyarrow", "scipy", "sklearn", "jinja2"]
# Runs commands given as lines of words, and prints what they had imported by their end.
PROGRAM = f"""
import sys
from typer.testing import CliRunner
from weir.pipelines.commands.cli import app
for line in sys.stdin.read().splitlines():
    ended = CliRunner().invoke(app, line.split())
    assert ended.exit_code == 0, (line, ended.output)
print([name for name in {SLOW} if name in sys.modules])
"""
COMPLETION = f"""
import sys
from weir.pipelines.commands.cli import app
sys.argv[0] = "weir"
try:
    app()
finally:
    print()
    print([name for name in {SLOW} if name in sys.modules])
"""


def commands(group, path=()):
    for name, command in group.commands.items():
        below = (*path, name)
        yield from commands(command, below) if hasattr(command, "commands") else [below]


EVERY = [" ".join(path) for path in commands(typer.main.get_command(app))]


def imported(folder, *lines):
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"XDG_RUNTIME_DIR": str(folder)},
    )
    return ended.stdout.strip(), ended.stderr


def test_neither_help_nor_what_reads_policies_and_status_imports_what_a_job_needs(
    tmp_path,
):
    groups = ["--help", "policy --help", "screen --help", "review --help", "--version"]
    light = ["policy list", "policy check", "policy show spam", "status --once"]
    (tmp_path / "job.yaml").write_text("topics: posts\nstop: latest\n", "utf-8")
    light += ["config schema", f"config show --config={tmp_path / 'job.yaml'}"]
    helps = [f"{each} --help" for each in EVERY]
    assert imported(tmp_path, *groups, *helps, *light) == ("[]", "")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("weir ", {"demo", "policy", "run"}),
        ("weir screen ", {"add", "train"}),
        ("weir screen train --pol", {"--policies"}),
        ("weir run --stop", {"--stop"}),
    ],
)
def test_a_line_is_completed_without_importing_what_a_job_needs(line, offered):
    shell = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    ended = subprocess.run(
        [sys.executable, "-c", COMPLETION],
        capture_output=True,
        text=True,
        check=False,
        env=shell | {"_WEIR_COMPLETE": "complete_bash"},
    )
    *found, last = ended.stdout.splitlines()
    assert offered <= set(found)
    assert last == "[]"


def test_an_option_is_refused_without_importing_a_library_of_statistics():
    program = (
        "import sys; from typer.testing import CliRunner; "
        "from weir.pipelines.commands.cli import app; "
        "ended = CliRunner().invoke(app, ['run', '--topic=posts']); "
        "print(ended.exit_code, 'scipy.stats' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout == "2 False\n"


def test_the_help_is_that_of_the_program():
    kept = {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()}
    assert kept == help_texts(), "run make help-texts"


def test_the_reference_of_commands_is_that_of_the_program():
    assert (DOCS / "commands.md").read_text("utf-8") == reference(help_texts()), "make help-texts"


def test_no_help_names_a_folder_of_this_machine():
    assert not any(str(LIBRARY) in file.read_text("utf-8") for file in FOLDER.iterdir())


def test_the_version_is_printed():
    assert CliRunner().invoke(app, ["--version"]).output.startswith("weir ")


# Runs the step over a post, as a worker does, with all that stands before and behind it imported.
WORKER = """
import sys
import apache_beam as beam
import pyarrow as pa
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms import coders, decode, read, select, write
from weir.transforms.screen.model import ScreenSource
from weir.transforms.records import CONTENT
from weir.transforms.screen import ScreenSettings
from weir.transforms.screen.step import ScreenContent
from weir.transforms.write.bigquery.sink import WriteToBigQuery
coders.register()
with beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner") as pipeline:
    source, settings = ScreenSource.of("starter"), ScreenSettings("run", "cluster", audit_rate=0)
    post = {"content_id": "1", "text": "a post", "topic": "t", "partition": 0, "offset": 0}
    posts = pa.RecordBatch.from_pylist([post], CONTENT)
    pipeline | beam.Create([posts]) | ScreenContent(source, load_policies(LIBRARY), settings)
print(sorted(name for name in sys.modules if name.startswith("weir.")))
"""


def test_a_worker_that_screens_imports_neither_training_nor_the_rig_nor_commands():
    ended = subprocess.run(
        [sys.executable, "-c", WORKER], capture_output=True, text=True, check=True
    )
    loaded = set(ast.literal_eval(ended.stdout.splitlines()[-1]))
    assert "weir.transforms.screen.step" in loaded
    elsewhere = ("weir.transforms.screen.training", "weir.infra", "weir.pipelines")
    assert sorted(name for name in loaded if name.startswith(elsewhere)) == []
