"""Flink: on this machine, or on a cluster that is there.

Each default was paid for; see the comment beside it.
"""

import argparse
import hashlib
import os
import shutil
import sys
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path

from apache_beam.io.filesystem import BeamIOError
from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions

from weir.infra.local import StackError
from weir.infra.local.downloads import FLINK_BEAM_VERSION, FLINK_VERSION, flink_jar
from weir.pipelines.errors import OptionError
from weir.pipelines.options.command_line import Arguments, in_underscores
from weir.pipelines.runners.flink_address import FlinkAddress
from weir.pipelines.runners.ports import server_program
from weir.pipelines.runners.prism import YEAR_SECONDS
from weir.policies.storage import filesystems
from weir.transforms.loopback import is_loopback
from weir.transforms.screen import STARTER

EMBEDDED = ("[local]", "[auto]")
_FEW_GROUPS = 4  # what can ever share the work of a step
_MOST_RETRIES = 2**31 - 1
_FLAGS = (
    "--allow-non-restored-state",
    "--externalized-checkpoints-enabled",
    "--finish-bundle-before-checkpointing",
    "--retain-externalized-checkpoints-on-cancellation",
    "--unaligned-checkpoint-enabled",
)
_NUMBERS = (
    "--checkpointing-interval",
    "--checkpoint-timeout-millis",
    "--execution-retry-delay",
    "--max-bundle-size",
    "--max-bundle-time-mills",
    "--min-pause-between-checkpoints",
    "--number-of-execution-retries",
    "--shutdown-sources-after-idle-ms",
)
_FOLDERS = ("--checkpoints", "--screen", "--shadow-screen")  # that workers read or write
_TEXTS = ("--flink-conf-dir", "--savepoint-path", "--state-backend", "--state-backend-storage-path")


class FlinkJobOptions(PipelineOptions):
    """Options of Flink's own that Beam knows in Java alone, where a flag takes no value."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        for flag in _FLAGS:
            parser.add_argument(
                in_underscores(flag), action="store_const", const=True, help=argparse.SUPPRESS
            )
        for number in _NUMBERS:
            parser.add_argument(in_underscores(number), type=int, help=argparse.SUPPRESS)
        for text in _TEXTS:
            parser.add_argument(in_underscores(text), help=argparse.SUPPRESS)


def flink_defaults(arguments: Arguments) -> list[str]:
    """Return the options that Flink needs; OptionError where the job would fail, or hang, there."""
    endless = _endless(arguments)
    defaults = [
        "--streaming",
        f"--job-server-timeout={YEAR_SECONDS}",
        f"--job-name={_job_name(arguments)}",
        # Without it a checkpoint in the midst of a bundle that comes but once (the impulse, a
        # split) stalls the job for ever, while it shows as running.
        "--finish-bundle-before-checkpointing",
        # Without checkpoints nothing survives a restart, and bundles are never finalised.
        "--checkpointing-interval=2000",
        "--externalized-checkpoints-enabled",
        "--retain-externalized-checkpoints-on-cancellation",
        # Flink holds a bundle open for a second otherwise, and every label waits for it.
        "--max-bundle-time-mills=100",
        # What fails once succeeds again; work with an end that fails ten times will not.
        f"--number-of-execution-retries={_MOST_RETRIES if endless else 10}",
        "--execution-retry-delay=2000",
    ]
    if not endless:
        # With checkpoints Beam keeps the impulse at the head of the graph alive, and the job so.
        defaults.append("--shutdown-sources-after-idle-ms=0")
    flink = _address(arguments)
    return defaults + (_cluster(arguments, flink) if flink else _embedded(arguments))


def require_flinks_options(arguments: Arguments) -> None:
    """Raise OptionError where what is said could only fail on Flink, or hang there."""
    _refuse_traps(arguments)
    if _address(arguments):
        _require_environment(arguments)
        for option in ("--supervised", "--resume"):
            if arguments.has(option) and not arguments.value("--checkpoints"):
                raise OptionError(f"{option} needs the --checkpoints that the job was started with")


def _address(arguments: Arguments) -> FlinkAddress | None:
    """Return where the cluster is, None for Flink in a process of this machine."""
    master = (arguments.value("--flink-master") or "[local]").strip()
    return None if master in EMBEDDED else FlinkAddress.of(master)


def _endless(arguments: Arguments) -> bool:
    return (arguments.value("--stop") or "never") == "never"


def _refuse_traps(arguments: Arguments) -> None:
    for flag in _FLAGS:
        if any(each.startswith(f"{flag}=") for each in arguments.argv):
            raise OptionError(f"{flag} takes no value: give it alone, or leave it out")
    interval = arguments.value("--checkpointing-interval")
    if interval is not None and not (interval.isdecimal() and int(interval) > 0):
        raise OptionError(
            f"--checkpointing-interval is {interval}; without checkpoints Flink loses what it was "
            "at when it restarts, so give milliseconds above 0"
        )


def _embedded(arguments: Arguments) -> list[str]:
    folder = _of_run(arguments, arguments.value("--checkpoints") or _state_folder().as_uri())
    resumed = _resumed(arguments, folder)
    version = FLINK_VERSION if not arguments.has("--flink-version") else None
    return [
        "--flink-master=[local]",
        "--environment-type=LOOPBACK",
        f"--parallelism={min(4, os.cpu_count() or 1)}",
        *_checkpoints_in(folder),
        *resumed,
        *_server(arguments, version, begins=not resumed),
    ]


def _cluster(arguments: Arguments, flink: FlinkAddress) -> list[str]:
    where = f"--flink-master {flink.host}:{flink.port}"
    try:
        overview = flink.ask("/overview")
        version, slots = str(overview["flink-version"]), int(overview["slots-total"])
        hosts = int(overview.get("taskmanagers", 1))
        configuration = {each["key"]: each["value"] for each in flink.ask("/jobmanager/config")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OptionError(f"{where}: no Flink answers there ({error}); is it its UI's?") from error
    supported = FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    minor = ".".join(version.split(".")[:2])
    if minor not in supported:
        raise OptionError(f"{where} is Flink {version}; Beam has {', '.join(supported)}")
    parallelism = arguments.value("--parallelism")
    # Its adaptive scheduler runs a job on the slots that there are, and on more as they come.
    waits = configuration.get("jobmanager.scheduler", "").lower() != "adaptive"
    if waits and parallelism is not None and parallelism.isdecimal() and int(parallelism) > slots:
        raise OptionError(
            f"--parallelism is {parallelism}, but {flink.host}:{flink.port} has {slots} slots; "
            "the job would wait for more without end"
        )
    kept = {"state.checkpoints.dir", "execution.checkpointing.dir"} & set(configuration)
    checkpoints = arguments.value("--checkpoints")
    if not (kept or checkpoints):
        raise OptionError(
            f"{where} keeps its checkpoints in memory, where they cannot outlive it: give "
            "--checkpoints=URI, or set execution.checkpointing.dir there"
        )
    if hosts > 1:
        for doubt in _doubts(arguments):
            sys.stderr.write(f"weir: {where} has {hosts} task managers: {doubt}\n")
    stored: list[str] = []
    resumed: list[str] = []
    if checkpoints:
        folder = _of_run(arguments, checkpoints)
        if arguments.has("--supervised"):
            _end_the_one_before(flink, _job_name(arguments))
        stored, resumed = _checkpoints_in(folder), _resumed(arguments, folder)
    server = _server(arguments, minor, begins=not resumed)
    return [f"--flink-version={minor}", *stored, *resumed, *server]


def _require_environment(arguments: Arguments) -> None:
    environment = arguments.value("--environment-type")
    if environment is None:
        raise OptionError(
            "--flink-master needs --environment-type too, or its workers would start Beam's own "
            "containers: EXTERNAL with --environment-config=HOST:PORT of a worker pool, DOCKER "
            "with the image in --environment-config, or LOOPBACK where the cluster is this machine"
        )
    if environment in ("EXTERNAL", "DOCKER") and not arguments.value("--environment-config"):
        what = "HOST:PORT of a worker pool" if environment == "EXTERNAL" else "an image with Weir"
        raise OptionError(f"--environment-type={environment} needs --environment-config: {what}")


def _doubts(arguments: Arguments) -> Iterator[str]:
    """Yield what is right on several hosts only if it was seen to."""
    folders = [option for option in _FOLDERS if _is_folder(arguments.value(option))]
    if folders:
        yield (
            f"{' and '.join(folders)} name folders of this machine, and each of their hosts has to "
            "see the same ones; or name a bucket"
        )
    pool = arguments.value("--environment-config") or ""
    if arguments.value("--environment-type") == "EXTERNAL" and not is_loopback(pool):
        # A task manager tells the workers to call it at localhost.
        yield (
            f"--environment-config is {pool}, and each of them needs a pool of workers on its own "
            "host; give 127.0.0.1 and the port that all pools have"
        )


def _is_folder(value: str | None) -> bool:
    """Return whether a value is a path, or the URI of one, and not of what every host reaches."""
    return value not in (None, STARTER) and urllib.parse.urlsplit(value).scheme in ("", "file")


def _job_name(arguments: Arguments) -> str:
    if not arguments.has("--supervised"):
        return f"weir-{uuid.uuid4().hex[:12]}"
    # By this the command that comes after one that was killed finds its job.
    said = (arguments.value("--run") or "live", arguments.value("--stages") or "all")
    return f"weir-{hashlib.sha256(repr(said).encode()).hexdigest()[:12]}"


def _end_the_one_before(flink: FlinkAddress, job_name: str) -> None:
    try:
        flink.cancel(job_name)
    except OSError as error:  # TimeoutError is one
        raise OptionError(f"--supervised: the job before, {job_name}, runs on: {error}") from error


def _of_run(arguments: Arguments, folder: str) -> str:
    # Each run has its own, so that one never resumes from another's.
    run = urllib.parse.quote(arguments.value("--run") or "live", safe="")
    return f"{folder.rstrip('/')}/{run}"


def _resumed(arguments: Arguments, folder: str) -> list[str]:
    """Return the option that goes on from the newest checkpoint or savepoint of the folder."""
    supervised = arguments.has("--supervised")
    if not (supervised or arguments.has("--resume")):
        return []
    path = folder.removeprefix("file://")
    try:
        (found,) = filesystems().match([f"{path.rstrip('/')}/**/_metadata"])
    except (BeamIOError, ValueError) as error:
        raise OptionError(
            f"{folder} cannot be read from here, to go on from: {error}. Install what reads it "
            "(apache-beam[aws] or [gcp]), or give --savepoint-path=URI of what to go on from"
        ) from error
    if not found.metadata_list and supervised:
        return []
    if not found.metadata_list:
        raise OptionError(f"--resume: no checkpoint is below {folder}; leave it out to begin anew")
    newest = max(found.metadata_list, key=lambda file: file.last_updated_in_seconds).path
    place = newest.removesuffix("/_metadata")
    return [f"--savepoint-path={place if '://' in place else Path(place).as_uri()}"]


def _checkpoints_in(folder: str) -> list[str]:
    # In the job manager's memory they fail at 5 MB, which takes an hour.
    return ["--state-backend=filesystem", f"--state-backend-storage-path={folder}"]


def _server(arguments: Arguments, version: str | None, *, begins: bool) -> list[str]:
    """Return the options of Beam's job server, which is a child of this process.

    ``begins`` says that the job does not go on from what Flink kept of an earlier one.
    """
    java = arguments.value("--job-server-java-launcher") or shutil.which("java")
    if java is None:
        raise OptionError(
            "--runner=flink needs Java 17, which is not on PATH: install it, or give "
            "--job-server-java-launcher=JAVA"
        )
    options = [f"--job-server-java-launcher={server_program(java, arguments)}"]
    if arguments.value("--flink-job-server-jar") is None and version == FLINK_VERSION:
        try:
            options.append(f"--flink-job-server-jar={flink_jar()}")
            options += _few_key_groups(arguments) if begins else []
            if _endless(arguments):
                sys.stderr.write(
                    f"weir: Beam's job server of {FLINK_BEAM_VERSION} keeps a few kB for every "
                    f"bundle, and has at most {_FEW_GROUPS} workers a step unless --parallelism is "
                    "more; for weeks give --flink-job-server-jar of 2.76 or later\n"
                )
        except StackError:
            # Beam fetches the one that is published for the version.
            options.append(f"--flink-version={version}")
    return options


def _few_key_groups(arguments: Arguments) -> list[str]:
    """Return what keeps a task manager alive under a job server from before Beam 2.76.

    There each bundle of a source leaves an empty table of state behind, with a map for each key
    group, of which Flink makes at least 128: a task manager of 512 MB ended after 19 minutes. Not
    by what the cluster has now, nor where a job resumes: Flink has its number from the checkpoint.
    """
    if arguments.has("--max-parallelism"):
        return []
    parallelism = arguments.value("--parallelism") or ""
    groups = max(_FEW_GROUPS, int(parallelism) if parallelism.isdecimal() else 0)
    return [f"--max-parallelism={groups}"]


def _state_folder() -> Path:
    try:
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    except RuntimeError as error:
        raise OptionError(
            "There is no home directory to keep Flink's checkpoints in: give --checkpoints."
        ) from error
    return state / "weir" / "checkpoints"
