"""Every benchmark runs, at a size that measures nothing: what it calls is still there."""

import importlib
import pkgutil
from contextlib import contextmanager
from functools import partial

import pytest

from tests import benchmarks
from tests.partitions import read_whole
from tests.public_sets import write_public_sets
from weir.infra.local import broker
from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.demo import stack_on

# Without servers; {fewest}, {few} and {more} are folders of made-up sets, {out} is a file.
ALONE = {
    "audit": "--streams 1 --json {out}",
    "certificates": "--data {few} --splits 1 --draws 2 --simulations 1 --seeds 1 --folds 2 "
    "--tried 1 --json {out}",
    "cold_start": "--data {more} --seeds 1 --examples 10 --verdicts 40 --json {out}",
    "decoding": "--messages 20 --rounds 1 --out {out}",
    "evasion": "--data {fewest} --limit 1 --ordinary 10 --json {out}",
    "hostile": "--size 2000 --kind words --kind headers",
    "judge": "--seconds 0.1 --gpus 1 --shape-requests 64 --out {out}",
    "live_certificate": "--streams 2 --json {out}",
    "near_copies": "--data {few} --posts 40 --json {out}",
    "own_labels": "--data {fewest} --halves 1 --set davidson --first --json {out}",
    "rate_limits": "--posts 20 --seeds 1 --answer-seconds 0.5",
    "reading": "--posts 2 --rounds 1 --json {out}",
    "replaying": "--messages 200 --processes 1",
    "savings": "--posts 60 --warming 20 --json {out}",
    "screening": "--posts 10 --rounds 1 --longest 2000 --json {out}",
    "selectivity": "--data {fewest} --limit 60 --way words --json {out}",
    "teaching": "--data {fewest} --runs 1 --first --stream reddit --kept {out}.d --json {out}",
    "tracing": "--rows 50 --rounds 1 --share 0.5",
}
# With a broker and an emulator that are lent to them.
LENT = {
    "accounting": "--messages 100 --out {out} --reading=off",
    "console_pages": "--posts 200 --out {out}",
    "labelled": "--data {fewest} --set davidson --out {out} --reading=off",
    "planned": "--posts 40 --times 1 --reading=off --out {out}",
    "throughput": "--messages 40 --repeats 1 --out {out}",
}
# With a real Kafka, Prism and Flink; with vLLM beside another: only their arguments are read.
ELSEWHERE = ("latency", "registry_accounting", "soak")
BY_OTHERS = {"measured", "usual"}  # which throughput runs

_WHICH_DAYS = ("DISTINCT DATE(created_at)", "MIN(DATE(created_at))")
_WHICH_POST = "SELECT run, created_at, topic"
_WHETHER_A_RUN = "WHERE run = @run LIMIT 1"
# What the console reads whole, and in which statements: which days there are, whether a run is
# there, where the post is of an id without a day, what became of a post since, and all messages of
# a run that died.
WHOLE = {
    "screenings": (*_WHICH_DAYS, _WHICH_POST, _WHETHER_A_RUN),
    "verdicts": (*_WHICH_DAYS, _WHICH_POST, _WHETHER_A_RUN),
    "deferrals": (*_WHICH_DAYS, _WHICH_POST),
    "human_labels": (_WHICH_POST,),
    "post_changes": ("changed_at DESC",),
    "dead_letters": ("dead_posts", _WHETHER_A_RUN),
}


def main_of(name):
    return getattr(importlib.import_module(f"tests.benchmarks.{name}"), "main", None)


@pytest.fixture(scope="session")
def sets(tmp_path_factory):
    sizes = {"fewest": 100, "few": 300, "more": 800}
    return {n: write_public_sets(tmp_path_factory.mktemp(n), size) for n, size in sizes.items()}


@pytest.fixture
def arguments(sets, tmp_path):
    return lambda line: line.format(**sets, out=tmp_path / "out.json").split()


@pytest.fixture
def lent(emulator, bigquery):
    """What gives a bench the stack that it would start by itself, on the dataset of all tests."""

    @contextmanager
    def stack():
        with broker() as bootstrap:
            yield stack_on(bootstrap, emulator, bigquery.dataset)

    return stack


def ended(run) -> int:
    """Return the exit status of a program that may end by itself or by saying so."""
    try:
        run()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_every_benchmark_is_run_by_a_test_of_this_file():
    names = {module.name for module in pkgutil.iter_modules(benchmarks.__path__)}
    programs = {name for name in names if main_of(name)}  # imports all of them
    assert programs == {*ALONE, *LENT, *ELSEWHERE} | BY_OTHERS


# Python from 3.12 on warns of any fork of a process that has threads.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("name", ALONE)
def test_a_benchmark_without_servers_runs(name, arguments):
    assert ended(lambda: main_of(name)(arguments(ALONE[name]))) == 0


@pytest.mark.parametrize("name", sorted(LENT.keys() - {"console_pages"}))
def test_a_benchmark_on_a_local_stack_runs(name, arguments, lent):
    in_process = {"run": lambda module, line: main_of(module)(line)} if name == "throughput" else {}
    assert ended(lambda: main_of(name)(arguments(LENT[name]), lent, **in_process)) == 0


def test_the_pages_of_the_console_open_and_each_reads_the_days_alone_that_it_names(
    arguments, lent, monkeypatch
):
    asked, rows = set[str](), Dataset.rows

    def looked_at(dataset, sql, **values):
        asked.add(sql.replace("{dataset}", "p.d"))
        return rows(dataset, sql, **values)

    monkeypatch.setattr(Dataset, "rows", looked_at)
    bench = partial(main_of("console_pages"), arguments(LENT["console_pages"]), lent)
    assert ended(bench) == 0
    assert [
        (table, sql)
        for sql in asked
        for table in read_whole(sql)
        if not any(each in sql for each in WHOLE.get(table, ()))
    ] == []


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_benchmark_that_needs_a_rig_reads_its_arguments(name):
    assert ended(lambda: main_of(name)(["--help"])) == 0
