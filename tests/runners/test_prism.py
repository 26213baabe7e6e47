import time

from tests.runners.stream import POLICIES, Command, count


def test_bounded_work_ends_with_exact_counts(stream, prism, tmp_path):
    stream.send(2000)
    with Command([*stream.arguments(), *prism, "--stop=latest"], tmp_path / "log") as job:
        stream.assert_exact_at_the_end_of(job)


def test_a_job_without_an_end_labels_what_arrives_and_ends_when_asked(stream, prism, tmp_path):
    with Command([*stream.arguments(), *prism], tmp_path / "log") as job:
        with stream.sending(rate=200):
            stream.wait_until_screened()
            time.sleep(5)
        account = stream.wait_until_labelled()
        code, output = job.terminate()
    assert code == 0, output[-3000:]
    assert account.labels == len(stream.sent) * POLICIES
    assert account.twice_in_view == 0


def test_a_job_that_is_told_to_end_under_load_loses_nothing_to_the_next(stream, prism, tmp_path):
    arguments = [*stream.arguments(), *prism, "--start=group"]
    with stream.sending(rate=200):
        with Command(arguments, tmp_path / "first") as job:
            stream.wait_until_screened()
            code, output = job.terminate()
        assert code == 0, output[-3000:]
        screened = stream.screened()
        committed = stream.committed()
        read_on = sum(committed.values())
        assert read_on > 0
        assert not {
            place for place in stream.sent if place[1] < committed[place[0]] and not screened[place]
        }
        with Command(arguments, tmp_path / "then") as job:
            stream.wait_until_screened()
            code, output = job.terminate()
    assert code == 0, output[-3000:]
    with Command([*arguments, "--stop=latest"], tmp_path / "last") as job:
        assert job.wait()[0] == 0
    account = stream.account()
    assert (account.lost, account.twice_in_view, account.unaccounted) == (0, 0, 0)
    assert account.labels == len(stream.sent) * POLICIES


def test_a_job_that_is_killed_goes_on_from_its_group(stream, prism, tmp_path):
    arguments = [*stream.arguments(), *prism, "--start=group"]
    with stream.sending(rate=200):
        for number in range(3):
            with Command(arguments, tmp_path / f"killed-{number}") as job:
                stream.wait_until_screened()
                stream.wait_until_committed(sum(stream.committed().values()) + 1)
                assert job.process.poll() is None, job.log.read_text()[-3000:]
                job.process.kill()
        before = len(stream.screened())
    with Command([*arguments, "--stop=latest"], tmp_path / "last") as job:
        code, output = job.wait()
    assert code == 0, output[-3000:]
    assert 0 < count(output, "messages") < len(stream.sent)  # it did not begin anew
    account = stream.account()
    print(account, before)
    assert (account.lost, account.twice_in_view, account.unaccounted) == (0, 0, 0)
    assert account.labels == len(stream.sent) * POLICIES
