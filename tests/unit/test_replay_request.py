"""What a person says of a replay, and what is refused of it."""

from dataclasses import replace

import pytest

from weir.pipelines.errors import OptionError
from weir.pipelines.replay.configuration import Configuration, Recorded
from weir.pipelines.replay.options import Request, share_of
from weir.pipelines.replay.select_query import reading
from weir.transforms.read import Start, Stop

NAMED = ["--topics=posts", "--from=2026-01-01", "--to=2026-01-02", "--run=second"]


def test_a_slice_a_name_and_topics_are_all_it_takes():
    request, job = Request.parse([*NAMED, "--brokers=h:1", "--runner=prism"])
    assert request.topics == ("posts",)
    assert (request.start, request.stop) == (Start.parse("2026-01-01"), Stop.parse("2026-01-02"))
    assert {"--topics=posts", "--mode=replay", "--run=second", "--stop=latest"} <= set(job)
    assert {"--brokers=h:1", "--runner=prism"} <= set(job)


def test_names_that_it_had_before_go_on_working():
    request, _ = Request.parse(["--topic=posts", *NAMED[1:], "--partial", "--only_escalated"])
    assert (request.topics, request.partial) == (("posts",), True)
    assert request.choice.escalated_by == "live"


def test_its_dead_letters_are_kept_from_those_of_the_live_job():
    _, job = Request.parse(NAMED)
    assert "--dead-letter-topic=weir-replay-dead-letters" in job
    _, job = Request.parse([*NAMED, "--dead-letter-topic=mine"])
    assert [each for each in job if "dead-letter" in each][-1] == "--dead-letter-topic=mine"


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0.01", 0.01), ("100%", 1), ("1", 1)])
def test_a_share_is_a_number_or_a_percentage(text, share):
    assert share_of(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "0%", "101%", "1.5", "nan", "-1%", "some", ""])
def test_anything_else_is_no_share(text):
    with pytest.raises(ValueError, match="give a share"):
        share_of(text)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--topics="], "--topics is missing"),
        (["--run="], "--run is missing"),
        (["--run=live"], "--run live is what live views show"),
        (["--from=2026-01-03"], "--from 2026-01-03 is not before --to 2026-01-02"),
        (["--from=2026-01-02"], "is not before"),
        (['--from={"0": 7}', '--to={"0": 7, "1": 9}'], "is not before"),
        (["--from=yesterday"], "--from 'yesterday': give earliest"),
        (["--from=latest"], "--from latest leaves nothing"),
        (["--to=never"], "--to never has no end"),
        (["--sample=0"], "--sample '0': give a share"),
        (["--budget=-5"], "--budget '-5': give a whole number"),
        (["--select=/nowhere.sql"], "--select /nowhere.sql cannot be read"),
        (["--select-max-gb=0"], "--select-max-gb is 0.0"),
        (["--start=earliest"], "--start is not for a replay: give --from"),
        (["--mode=enforce"], "--mode is not for a replay"),
        (["--group=g"], "--group is not for a replay"),
    ],
)
def test_what_cannot_work_is_said_in_a_sentence(more, said):
    with pytest.raises(OptionError) as error:
        Request.parse([*NAMED, *more])
    assert said in str(error.value)


def test_a_missing_from_is_named():
    with pytest.raises(OptionError, match="--from is missing"):
        Request.parse(["--topics=posts", "--run=r"])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content_id FROM labels",
        "-- what we're after; all of it\nwith a as (select 1 as x) select x from a;",
        "SELECT content_id FROM labels WHERE reason = 'no; -- DROP'",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "/* ' */ SELECT `a;b` FROM t",
        "SELECT v.content_id FROM verdicts AS v, UNNEST(v.rule_ids) AS r WHERE r LIKE 'H%' "
        "AND v.decided_at > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 7 DAY) "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY v.policy_id ORDER BY RAND()) <= 100",
        "SELECT content_id FROM other.project.screenings, UNNEST(policies) AS p "
        "WHERE MOD(ABS(FARM_FINGERPRINT(content_id)), 10) = 0 AND SAFE.SUBSTR(content_id, 1) = 'a' "
        "AND JSON_VALUE(attributes, '$.lang') IN ('en', 'de') AND p.policy_id = 'spam'",
    ],
)
def test_a_query_that_reads_is_taken(sql):
    reading(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "((",
        "DELETE FROM labels WHERE TRUE",
        "SELECT 1; DROP TABLE labels",
        "SELECT '''it's''' ; DELETE FROM labels WHERE TRUE -- '",
        "SELECT " + '"""say "so"""" ; DELETE FROM labels WHERE TRUE',
        "WITH a AS (SELECT 1) DELETE FROM labels WHERE TRUE",
        "BEGIN SELECT 1; END",
        "DECLARE x INT64; SELECT 1",
        "EXECUTE IMMEDIATE 'DROP TABLE labels'",
        "EXPORT DATA OPTIONS (uri='gs://b/*', format='CSV') AS SELECT 1",
        "CALL other.procedure()",
        "(" * 5000 + "SELECT 1",
        "SELECT '-- ' ; DROP TABLE labels",
        "/* SELECT */ CREATE TABLE x AS SELECT 1",
        "CALL p()",
    ],
)
def test_any_other_statement_is_not(sql):
    with pytest.raises(OptionError, match="only reads"):
        reading(sql)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("* FROM EXTERNAL_QUERY('c', 'DELETE FROM t')", "EXTERNAL_QUERY"),
        ("* FROM ML.PREDICT(MODEL `d.m`, TABLE labels)", "PREDICT"),
        ("* FROM VECTOR_SEARCH(TABLE labels, 'x', TABLE labels)", "VECTOR_SEARCH"),
        ("* FROM d.remote(1)", "remote"),
        ("* FROM labels, d.unnest(1)", "UNNEST"),
        ("AI.GENERATE('x') FROM labels", "GENERATE"),
        ("ML.GENERATE_TEXT(x) FROM labels", "GENERATE_TEXT"),
        ("p.d.remote(x) FROM labels", "remote"),
        ("d.substr(x) FROM labels", "substr"),
        ("`p.d.lower`(x) FROM labels", "p.d.lower"),
        ("content_id FROM labels WHERE EXISTS (SELECT remote(x))", "remote"),
        ("KEYS.NEW_KEYSET('x')", "NEW_KEYSET"),
        ("SESSION_USER()", "SESSION_USER"),
    ],
)
def test_a_query_that_asks_more_than_tables_is_refused_by_what_it_calls(call, named):
    with pytest.raises(OptionError, match=rf"calls \S*{named}, .* save what it returns"):
        reading(f"SELECT {call}")


def test_what_is_sent_is_the_one_statement_that_was_understood():
    written = reading("SELECT '''it's; DELETE''' AS id -- '; DELETE FROM labels\n FROM labels")
    assert written == r"SELECT 'it\'s; DELETE' AS id FROM labels"


CONFIGURATION = Configuration(
    "h:1", ("posts",), ("a", "b"), 1.0, "", "p1", "s1", "", 0.01, {"engine": "x"}, {"id": "id"}
)


def recorded(configuration):
    return Recorded(configuration.to_json(), configuration.digest, ())


def test_the_same_configuration_goes_on():
    recorded(CONFIGURATION).require("r", replace(CONFIGURATION))


def test_another_one_is_refused_and_what_differs_named():
    other = replace(CONFIGURATION, policies="p2", audit_rate=0.5)
    with pytest.raises(OptionError, match=r"--run r .* other settings \(audit rate, policies\):"):
        recorded(CONFIGURATION).require("r", other)
