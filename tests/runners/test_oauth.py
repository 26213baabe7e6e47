"""A real broker takes Weir's token, and none that has ended."""

import base64
import json
import time
from typing import Any, cast

import pytest
from kafka import TopicPartition

from tests.runners.conftest import require
from tests.unit.test_tokens import Issuer, running
from weir.infra.local import kafka_broker
from weir.infra.local.downloads import java, kafka_libraries
from weir.transforms.kafka.errors import SourceError
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import Start, Stop
from weir.transforms.read.find_slices import check_source, find_names, find_slices


@pytest.fixture(scope="module")
def oauth_broker():
    require(java, kafka_libraries)
    with kafka_broker(oauth=True) as running_broker:
        yield running_broker.oauth


def unsigned(lasts):
    """Return a token that nobody signed, as the broker of the tests takes it."""
    now = time.time()
    parts = ({"alg": "none"}, {"sub": "weir", "iat": now - 60, "exp": now + lasts})
    return (
        ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in parts
        )
        + "."
    )


def settings(broker, issuer, lasts):
    issuer.body = json.dumps({"access_token": unsigned(lasts), "expires_in": lasts}).encode()
    return KafkaSettings(
        broker,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="OAUTHBEARER",
        sasl_username="weir",
        sasl_password=cast("Any", "secret"),
        sasl_token_url=issuer.url,
    )


def test_what_is_written_with_a_token_is_found_by_pattern_and_read(oauth_broker):
    with running(Issuer()) as issuer:
        kafka = settings(oauth_broker, issuer, 3600)
        with kafka.producer() as producer:
            for topic in ("posts-de", "posts-fr", "others"):
                producer.send(topic, b"{}").get(30)
        check_source(kafka, ("^posts-.*",), Start("earliest"), Stop("latest"))
        assert find_names(kafka, "^posts-.*") == ["posts-de", "posts-fr"]
        found = find_slices(kafka, ("^posts-.*",), Start("earliest"), Stop("latest"))
        assert {each.topic for each in found} == {"posts-de", "posts-fr"}
        consumer = kafka.consumer(consumer_timeout_ms=5000)
        consumer.assign([TopicPartition(each.topic, each.partition) for each in found])
        consumer.seek_to_beginning()
        assert len([next(consumer) for _ in range(2)]) == 2
        consumer.close()
        assert len(issuer.asked) == 1


def test_a_token_that_has_ended_is_refused_with_a_sentence(oauth_broker):
    with running(Issuer()) as issuer:
        ended = settings(oauth_broker, issuer, -5)
        with pytest.raises(SourceError, match=r"refused the user|did not answer as a Kafka broker"):
            check_source(ended, ("posts-de",), timeout_seconds=5.0)
