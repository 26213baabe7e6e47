import time

import yaml

from tests.runners.images import ADDRESSES, BEAM_IN_THE_CHART, IN_THE_CHART, as_in_an_image
from tests.runners.stream import POLICIES, Command


def test_bounded_work_ends_with_exact_counts_as_the_images_run_it(stream, flink, cluster, tmp_path):
    stream.send(2000)
    own = dict(each.removeprefix("--").split("=", 1) for each in stream.arguments())
    of_flink = dict(each.removeprefix("--").split("=", 1) for each in flink)
    beam = {name: of_flink[name] for name in ADDRESSES} | BEAM_IN_THE_CHART
    beam["job-server-jvm-properties"] = [e.split("=", 1)[1] for e in flink if "jvm" in e]
    kept = (tmp_path / "kept").as_uri()
    said = own | IN_THE_CHART | {"beam": beam, "checkpoints": kept, "stop": "latest"}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(said), "utf-8")
    run = as_in_an_image(tmp_path, ["weir", "run", f"--config={tmp_path / 'job.yaml'}"])
    with Command([], tmp_path / "log", command=run) as job:
        stream.assert_exact_at_the_end_of(job)


def running(cluster):
    jobs = cluster.get("/jobs/overview").get("jobs", [])
    return [each["jid"] for each in jobs if each["state"] == "RUNNING"]


def restored(cluster, job):
    return cluster.get(f"/jobs/{job}/checkpoints")["latest"]["restored"]


def test_a_supervised_job_goes_on_after_its_command_was_killed_and_ends_when_asked(
    stream, flink, cluster, tmp_path
):
    kept = f"--checkpoints={(tmp_path / 'kept').as_uri()}"
    arguments = [*stream.arguments(), *flink, kept, "--supervised"]
    with stream.sending(rate=200) as sending:
        with Command(arguments, tmp_path / "killed"):
            stream.wait_until_screened()
            time.sleep(3)
        (first,) = running(cluster)  # the cluster does not know that nobody waits for it
        with Command(arguments, tmp_path / "again") as job:
            while running(cluster) in ([], [first]):
                assert job.process.poll() is None, job.log.read_text()[-3000:]
                time.sleep(0.5)
            stream.wait_until_screened()
            sending.stop()
            account = stream.wait_until_labelled()
            (second,) = running(cluster)
            assert restored(cluster, second) is not None  # it did not begin anew
            code, output = job.terminate()
    assert code == 0, output[-3000:]
    assert account.labels == len(stream.sent) * POLICIES
    assert account.twice_in_view == 0
    assert running(cluster) == []


def test_another_build_goes_on_from_the_savepoint_that_a_signal_leaves(stream, flink, tmp_path):
    arguments = [*stream.arguments(), *flink, f"--checkpoints={(tmp_path / 'kept').as_uri()}"]
    with stream.sending(rate=200) as sending:
        with Command(arguments, tmp_path / "first") as job:
            stream.wait_until_screened()
            time.sleep(3)
            code, output = job.terminate()
        assert code == 0, output[-3000:]
        assert "weir: stopped with the savepoint file:" in output
        first = len(stream.screened())
        build = ("tests.runners.altered", "touch", str(tmp_path / "seen"))
        with Command([*arguments, "--resume"], tmp_path / "then", build) as job:
            stream.wait_until_screened()
            sending.stop()
            account = stream.wait_until_labelled()
            code, output = job.terminate()
    assert code == 0, output[-3000:]
    assert (tmp_path / "seen").exists()  # the step that the first build did not have
    assert account.labels == len(stream.sent) * POLICIES
    assert account.twice_in_view == 0
    assert account.duplicates < first  # it did not begin anew
