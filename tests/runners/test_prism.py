import time

from tests.runners.stream import POLICIES, Command, count


def test_bounded_work_ends_with_exact_counts(stream, prism, tmp_path):
    stream.send(2000)
    with Command([*stream.arguments(), *prism, "--stop=latest"], tmp_path / "log") as job:
        code, output = job.wait()
    assert code == 0, output[-3000:]
    assert count(output, "messages") == count(output, "screenings") == 2000
    account = stream.account()
    assert account.labels == 2000 * POLICIES
    assert (account.lost, account.twice_in_view, account.duplicates) == (0, 0, 0)
    assert account.unaccounted == 0
    assert account.judged == count(output, "verdicts") == 100


def test_a_job_without_an_end_labels_what_arrives_and_ends_when_asked(stream, prism, tmp_path):
    with Command([*stream.arguments(), *prism], tmp_path / "log") as job:
        with stream.sending(rate=200):
            time.sleep(30)
        account = stream.wait_until_labelled()
        code, output = job.terminate()
    assert code == 0, output[-3000:]
    assert account.labels == len(stream.sent) * POLICIES
    assert account.twice_in_view == 0
