"""The judge's image as its entry point starts it: a pool whose workers judge with vLLM."""

import json
import shutil
import subprocess
import sys
import uuid
from typing import Any

import pytest
import yaml

from tests.engine.conftest import FOR_A_CPU, REASONING_TOKENS, SETTINGS
from tests.runners.images import as_in_an_image
from weir.infra.local.children import child, connects, free_ports
from weir.pipelines.demo import Stack, query
from weir.policies.loading import LIBRARY
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics

POSTS = 5


@pytest.fixture
def topic(kafka):
    name = f"image-{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(kafka)
    ensure_topics(settings, [name], 1)
    producer = settings.producer()
    for number in range(POSTS):
        post = {"id": f"p{number}", "text": f"buy tomatoes, offer {number}"}
        producer.send(name, value=json.dumps(post).encode())
    producer.flush()
    producer.close()
    return name


@pytest.fixture
def pool(tmp_path):
    """A pool that the entry point keeps, and a runner of Beam's that asks it for workers."""
    workers, jobs = free_ports(2)
    pool = as_in_an_image(tmp_path, ["worker-pool", f"--port={workers}"], FOR_A_CPU)
    server = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main"]
    with (
        child("the pool of workers", pool, lambda: connects(workers), seconds=300),
        child("a job server", [*server, f"--port={jobs}"], lambda: connects(jobs), seconds=300),
    ):
        yield {
            "job-endpoint": f"127.0.0.1:{jobs}",
            "environment-type": "EXTERNAL",
            "environment-config": f"127.0.0.1:{workers}",
        }


def test_workers_of_the_judges_image_judge_with_a_real_vllm(
    topic, pool, kafka, bigquery, checkpoint, tmp_path
):
    shutil.copytree(LIBRARY / "spam", tmp_path / "policies/spam")
    stack = Stack(KafkaSettings(kafka), bigquery)
    said: dict[str, Any] = dict(each.removeprefix("--").split("=", 1) for each in stack.arguments())
    said |= {
        "topics": topic,
        "run": topic,
        "stop": "latest",
        "policies": str(tmp_path / "policies"),
        "audit-rate": 1,
        "engine": "vllm",
        "model": str(checkpoint),
        "reasoning-tokens": REASONING_TOKENS,
        "engine-settings": SETTINGS,
        "runner": "portable",
        "beam": pool,
    }
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(said), "utf-8")
    run = as_in_an_image(tmp_path, ["weir", "run", f"--config={tmp_path / 'job.yaml'}"])
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stderr[-3000:]
    table = f"`{bigquery.full_name}.verdicts`"
    verdicts = query(bigquery, f"SELECT engine FROM {table} WHERE run = @run", topic)
    assert [each["engine"] for each in verdicts] == ["vllm"] * POSTS
