"""A text tried on posts: vague where its repeats differ, and beside the text in force."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from tests.scripted_server import HANGS, SAFE, VIOLATES, ScriptedServer, chat, error
from tests.unit.console.policy_forms import document, edited, form_of
from tests.unit.console.visits import page, visit
from weir.pipelines.console.policy_lab import running_trials, trial_pages
from weir.pipelines.console.policy_lab.edit import edit_of
from weir.pipelines.console.policy_lab.running_trials import Trials
from weir.pipelines.console.visit import RefusedError
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions
from weir.pipelines.settings.endpoint import EndpointFactory
from weir.pipelines.settings.engines import EngineLater, drawing, engine_factory, stand_in
from weir.policies.loading import load_policies

VAGUE, FLAGGED = "who swaps, or sells?", "40 tickets from my bot"


class Replies(dict):
    """Of the vague post another answer each time, of the flagged one always the same."""

    def __init__(self):
        super().__init__({FLAGGED: chat(VIOLATES)})
        self.asked = 0

    def get(self, post, default=None):
        if post != VAGUE:
            return super().get(post, default)
        self.asked += 1
        return chat(VIOLATES if self.asked % 2 else SAFE)


@pytest.fixture
def server():
    with closing(ScriptedServer()) as started:
        started.by_post = Replies()
        yield started


@pytest.fixture
def engine(server, policies):
    judge, endpoint = JudgeOptions(engine="endpoint"), EndpointOptions(endpoint_url=server.url)
    return engine_factory(judge, endpoint, load_policies(policies))


@pytest.fixture(autouse=True)
def _none_before(monkeypatch):
    monkeypatch.setattr(running_trials, "TRIALS", Trials())


def form(policies, *posts, **changes):
    return form_of(policies, repeats="4", pasted="\n".join(posts)) | changes


def begun(policies, engine, *posts, **changes):
    """Return the trial that a form starts."""
    seen = visit(policies, engine=engine, form=form(policies, *posts, **changes),
                 policy_id="tickets")  # fmt: skip
    moved = trial_pages.start(seen)
    return running_trials.TRIALS.find(moved.to.rpartition("/")[2], seen.now)


def tried(policies, engine, *posts, **changes):
    trial = begun(policies, engine, *posts, **changes)
    assert trial.ended.wait(60)
    return trial


def shown(policies, trial):
    path = {"policy_id": "tickets", "trial_id": trial.trial_id}
    seen = visit(policies, **path)
    return page(trial_pages.follow(seen), seen)


def test_a_text_is_shown_to_be_vague_by_its_repeats_and_those_that_flip_come_first(
    policies, engine
):
    trial = tried(policies, engine, FLAGGED, VAGUE)
    first, second = trial.results.rows
    assert (first.post.text, first.said.agreement) == (VAGUE, 0.5)
    assert (second.post.text, second.said.agreement) == (FLAGGED, 1.0)
    assert [row.post.text for row in trial.results.vague] == [VAGUE]
    assert (trial.results.steady.hits, trial.results.steady.count) == (1, 2)
    html = shown(policies, trial)
    assert "1 of 2 posts got different answers" in html
    assert "violates 2 of 4" in html


def test_the_repeats_are_drawn_and_the_first_is_asked_as_a_job_asks(policies, engine, server):
    asked_before = len(server.questions)
    tried(policies, engine, FLAGGED)
    bodies = [each.body for each in server.questions[asked_before:]]
    assert [body.get("temperature") for body in bodies] == [0, None, None, None]


def test_what_flips_stands_beside_what_is_in_force(policies, engine, server):
    class ByText(Replies):
        def get(self, post, default=None):
            read = server.questions[-1].body["messages"][0]["content"]
            violates = "an exchange." not in read
            return chat(VIOLATES if violates else SAFE)

    server.by_post = ByText()
    trial = tried(policies, engine, FLAGGED, document=edited(policies))
    (row,) = trial.results.flipped
    assert (row.said.usual, row.before.usual) == ("safe", "violates")
    assert "What flips" in shown(policies, trial)


def test_the_measures_are_those_of_the_command(policies, engine):
    from weir.pipelines.evaluate.evaluation import Evaluation
    from weir.pipelines.evaluate.judging import Patience, judge_cases
    from weir.pipelines.evaluate.labels import golden_labels

    trial = tried(policies, engine, with_examples="1")
    policy = load_policies(policies)["tickets"]
    labels = golden_labels(policy)
    judged = judge_cases(engine, policy, labels.cases, 1, Patience(4, 60.0))
    expected = Evaluation(policy, labels, judged, held_out=False).measures
    assert trial.results.evaluation.measures == expected


def test_a_stand_in_says_so_and_is_asked_once(policies):
    engine = engine_factory(JudgeOptions(), EndpointOptions(), load_policies(policies))
    seen = visit(policies, engine=engine, policy_id="tickets")
    assert "stand-in" in page(trial_pages.show(seen), seen)
    trial = tried(policies, engine, FLAGGED, with_examples="1")
    assert {row.said.times for row in trial.results.rows} == {1}
    assert "would always be equal" in shown(policies, trial)


def test_without_an_engine_a_sentence_says_how_to_have_one(policies):
    seen = visit(policies, policy_id="tickets", form=form(policies, FLAGGED))
    assert "--engine endpoint" in page(trial_pages.show(seen), seen)
    with pytest.raises(RefusedError, match="--engine endpoint"):
        trial_pages.start(seen)


def test_an_engine_that_is_not_there_ends_the_trial_with_what_to_do(policies):
    nobody = EndpointOptions(endpoint_url="http://127.0.0.1:9/v1")
    engine = EngineLater(JudgeOptions(engine="endpoint"), nobody, str(policies))
    trial = tried(policies, engine, FLAGGED)
    assert "127.0.0.1:9" in trial.problem
    assert trial.results is None


def test_an_engine_that_is_looked_for_later_is_a_stand_in_or_draws_likewise(policies, server):
    endpoint = EndpointOptions(endpoint_url=server.url)
    later = EngineLater(JudgeOptions(engine="endpoint"), endpoint, str(policies))
    draws = drawing(later)
    assert isinstance(draws, EndpointFactory)
    assert draws.served.manner.temperature is False
    assert stand_in(EngineLater(JudgeOptions(), EndpointOptions(), str(policies)))
    assert stand_in(later) is None


def test_an_engine_that_refuses_every_request_ends_the_trial_with_its_words(
    policies, engine, server
):
    server.by_post, server.then = {}, error(402, "pay first")
    trial = tried(policies, engine, *(f"post {number}" for number in range(40)))
    assert "does not answer" in trial.problem
    assert trial.done < trial.total
    assert "does not answer" in shown(policies, trial)


def test_a_trial_is_stopped_and_what_was_answered_is_kept(policies, engine, server):
    server.by_post.get = lambda post, default=None: HANGS if post == VAGUE else None
    trial = begun(policies, engine, FLAGGED, VAGUE)
    for _ in range(2):
        assert server.arrived.acquire(timeout=30)
    trial_pages.stop(visit(policies, policy_id="tickets", trial_id=trial.trial_id))
    assert trial.ended.wait(30)
    said = {row.post.text: row.said.times for row in trial.results.rows}
    assert said[VAGUE] == 0
    assert "Stopped" in shown(policies, trial)


def test_one_trial_at_a_time_for_a_person_and_the_same_form_twice_is_one(policies, engine, server):
    server.by_post.get = lambda post, default=None: HANGS
    trial = begun(policies, engine, FLAGGED)
    try:
        assert begun(policies, engine, FLAGGED) is trial
        with pytest.raises(RefusedError, match="running") as refused:
            begun(policies, engine, VAGUE)
        assert refused.value.status == 429
    finally:
        trial.stop()
        assert trial.ended.wait(30)


def test_only_so_many_trials_run_at_once(policies):
    waiting, kept = threading.Event(), Trials()

    def never():
        waiting.wait()
        raise RuntimeError

    asked = [running_trials.Asked(load_policies(policies)["tickets"], None, (), (), 2)] * 4
    now = datetime.now(UTC)
    try:
        for number in range(running_trials.MOST_AT_ONCE):
            kept.start(asked[number], never, f"person {number}", now)
        with pytest.raises(RefusedError, match="run already"):
            kept.start(asked[0], never, "another", now)
    finally:
        waiting.set()


def test_results_are_kept_for_an_hour_and_then_said_to_be_lost(policies, engine):
    trial = tried(policies, engine, FLAGGED)
    assert running_trials.TRIALS.of("ada") == [trial]
    later = trial.started + timedelta(hours=1, seconds=1)
    with pytest.raises(RefusedError, match="not over a restart"):
        running_trials.TRIALS.find(trial.trial_id, later)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pasted": " \n "}, "no post to try"),
        ({"pasted": "a\n" * 201}, "too many"),
        ({"pasted": "a", "repeats": "99"}, "2 to 5"),
        ({"document": "---"}, "policy.md:1"),
        ({"decisions": "../../etc/passwd"}, "address of its page"),
        ({"decisions": f"/posts/{'a' * 32}-7?day=soon"}, "no day"),
    ],
)
def test_what_cannot_be_tried_is_said(policies, engine, changes, said):
    with pytest.raises(RefusedError, match=said):
        begun(policies, engine, **changes)


def test_posts_of_several_lines_are_parted_by_dashes(policies, engine):
    trial = tried(policies, engine, "one\ntwo\n---\nthree", repeats="2")
    assert [post.text for post in trial.asked.posts] == ["one\ntwo", "three"]


def test_examples_beyond_the_most_are_taken_evenly(policies, engine):
    table = "text,label,rule_id,note\n" + "".join(
        f"post {n},{'safe' if n < 300 else 'violates'},,\n" for n in range(600)
    )
    seen = visit(policies, engine=engine, form=form(policies, examples=table, with_examples="1"),
                 policy_id="tickets")  # fmt: skip
    policy = edit_of(document(policies), table).policy
    posts = trial_pages._posts(seen, policy)
    assert len(posts) == trial_pages.MOST_POSTS
    assert sum(post.violates for post in posts) == trial_pages.MOST_POSTS // 2


def test_the_same_trial_that_runs_already_is_said_to_be_no_new_one(policies, engine, server):
    server.by_post = {FLAGGED: HANGS}
    trial = begun(policies, engine, FLAGGED)
    sent = visit(policies, engine=engine, form=form(policies, FLAGGED), policy_id="tickets")
    again = trial_pages.start(sent)
    assert again.to == trial.address
    assert "no other was begun" in again.said
    with pytest.raises(RefusedError, match="trial of tickets running") as refused:
        begun(policies, engine, VAGUE)
    assert refused.value.ways == {"Look at it": trial.address}
    other = visit(policies, engine=engine, form=form(policies, VAGUE), policy_id="tickets")
    html = page(trial_pages.show_typed(other), other)
    assert f'<a href="{trial.address}">Your trial of tickets</a> runs' in html
    assert VAGUE in html
    trial.stop()


def test_other_examples_make_another_trial(policies, engine, server):
    server.by_post = {FLAGGED: HANGS}
    trial = begun(policies, engine, FLAGGED)
    table = 'text,label,rule_id,note\n"a",safe,,\n'
    with pytest.raises(RefusedError, match="running"):
        begun(policies, engine, FLAGGED, examples=table)
    trial.stop()


def test_a_trial_that_is_refused_keeps_how_it_was_asked_for(policies, engine):
    sent = visit(policies, engine=engine, form=form(policies, repeats="5"), policy_id="tickets")
    html = page(trial_pages.show_typed(sent), sent)
    assert "<option selected>5</option>" in html
    assert 'name="with_examples" value="1">' in html
