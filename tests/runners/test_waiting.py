import time

from tests.provisional import silent_judge
from tests.runners.stream import POLICIES, Command

RATE = 200
SECONDS = 20


def test_posts_are_screened_while_the_judge_answers_nothing(stream, prism, tmp_path):
    with (
        silent_judge() as judge,
        Command([*stream.arguments(), *prism, *judge], tmp_path / "log") as job,
    ):
        stream.send(20)
        stream.wait_until_screened()
        with stream.sending(RATE):
            time.sleep(SECONDS)
        stream.wait_until_screened()
        assert stream.account().judged == 0
        assert job.process.poll() is None


def test_no_more_waits_for_the_judge_than_there_is_room_for_and_none_of_it_is_lost(
    stream, prism, tmp_path
):
    room = "--waiting_mb=0.05"  # for 44 posts
    arguments = [*stream.arguments(), *prism, "--start=group"]
    with (
        silent_judge() as judge,
        Command([*arguments, *judge, room], tmp_path / "full") as job,
    ):
        stream.send(20)
        stream.wait_until_screened()
        with stream.sending(RATE):
            time.sleep(SECONDS)
        screened, before = len(stream.screened()), 0
        while screened > before:
            time.sleep(5)
            screened, before = len(stream.screened()), screened
        assert screened < len(stream.sent) / 2
        assert job.process.poll() is None
    with Command([*arguments, "--stop=latest"], tmp_path / "then") as job:
        code, output = job.wait()
    assert code == 0, output[-3000:]
    account = stream.account()
    assert (account.lost, account.twice_in_view, account.unaccounted) == (0, 0, 0)
    assert account.labels == len(stream.sent) * POLICIES
