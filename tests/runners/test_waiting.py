import time
from dataclasses import replace

from tests.provisional import judged_by, silent_judge
from tests.runners.stream import POLICIES, Command
from tests.scripted_server import SAFE, ScriptedServer, chat
from weir.pipelines.monitoring.status import local_jobs

RATE = 200


def test_posts_are_screened_while_the_judge_answers_nothing(stream, prism, tmp_path):
    with (
        silent_judge() as judge,
        Command([*stream.arguments(), *prism, *judge], tmp_path / "log") as job,
    ):
        stream.send(20)
        stream.wait_until_screened()
        with stream.sending(RATE):
            time.sleep(5)
        stream.wait_until_screened()
        assert stream.account().judged == 0
        assert job.process.poll() is None


def test_no_more_waits_for_the_judge_than_there_is_room_for_and_then_reading_goes_on(
    stream, prism, tmp_path
):
    server = ScriptedServer()
    server.script, server.then = [chat(SAFE)] * 2, replace(chat(SAFE), delay=60)
    room = "--waiting-mb=0.05"  # for 44 posts
    with (
        judged_by(server) as judge,
        Command([*stream.arguments(), *prism, *judge, room], tmp_path / "log") as job,
    ):
        stream.send(20)
        stream.wait_until_screened()
        with stream.sending(RATE):
            time.sleep(20)
        screened, before = len(stream.screened()), 0
        while screened > before:
            time.sleep(6)
            screened, before = len(stream.screened()), screened
        assert screened < len(stream.sent) / 2
        (running,) = [each for each in local_jobs() if each["run"] == stream.name]
        assert running["lag_total"] > len(stream.sent) / 2
        server.then = chat(SAFE)
        account = stream.wait_until_labelled()
        code, output = job.terminate()
    assert code == 0, output[-3000:]
    assert (account.twice_in_view, account.duplicates) == (0, 0)
    assert account.labels == len(stream.sent) * POLICIES
