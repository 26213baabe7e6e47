"""Whether what is said of a job fits together: nobody is asked, and no file or secret is read."""

from apache_beam.transforms.resources import parse_resource_hints

from weir.pipelines.errors import OptionError
from weir.pipelines.options.job import JobOptions
from weir.pipelines.settings.decoding import decoding_of
from weir.pipelines.settings.engines import require_settings_fit, require_together
from weir.pipelines.settings.kafka import kafka_of
from weir.pipelines.settings.place import Place
from weir.pipelines.settings.progress import progress_of, stop_of
from weir.pipelines.settings.provisional import require_enforcing
from weir.pipelines.settings.registry import check_form, registry_of
from weir.pipelines.settings.shape import Shape
from weir.pipelines.settings.spending import budgets_of, reuse_of
from weir.transforms.secret import SECRET_NOT_READ


def require_consistent(said: JobOptions, place: Place) -> None:
    """Raise OptionError, SourceError or RegistryError for what no job could be started with.

    Not for what is left out: the brokers, the topics and the project of the tables may be said
    elsewhere. A stand-in is taken for each secret, and for the text of a schema file.
    """
    kafka_of(said.kafka, SECRET_NOT_READ if said.kafka.sasl_mechanism else None)
    shape, stop = Shape.of(said), stop_of(said.source)
    progress_of(said, shape, stop, restored=False)
    registry = registry_of(said.registry, login=None)
    schema = None if said.decoding.schema_file is None else ""
    author = said.storing.author_field
    decoding_of(said.decoding, author, SECRET_NOT_READ if author else None, registry, schema)
    check_form(said.topics, said.registry)
    if shape.stages.judges:
        require_settings_fit(said.judge, said.endpoint)
        require_together(said.spending.judge_together, said.judge.engine)
    if said.flags.provisional:
        require_enforcing(shape.stages.screens, said.deciding.mode)
    reuse_of(said.spending)
    _refuse_own_output(said, shape, endless=stop.at == "never")
    _require_readable(said.runner.judge_hints)
    if said.watching.metrics_port is not None and not place.one_process:
        raise OptionError(
            "--metrics-port serves what this process counts, and on a cluster it counts "
            "nothing: leave it out, and read the runner's metrics"
        )


def _require_readable(hints: dict[str, str]) -> None:
    try:
        parse_resource_hints(hints)
    except ValueError as error:
        raise OptionError(f"--judge-accelerator or --judge-min-ram: {error}") from error


def _refuse_own_output(said: JobOptions, shape: Shape, *, endless: bool) -> None:
    outputs = {said.topics.flagged_topic, said.topics.dead_letter_topic}
    if shape.stages.screens:
        outputs |= {shape.escalation_topic, shape.deferred_topic}
    if outputs & set(shape.topics):
        raise OptionError("--topics names an output topic: Weir would moderate its own output")
    budgeted = any(budget.limited for budget in budgets_of(said.spending))
    if budgeted and endless and shape.deferred_topic in shape.topics:
        raise OptionError(
            "With a budget, a job that reads the deferred topic writes to it: give --stop=latest"
        )
