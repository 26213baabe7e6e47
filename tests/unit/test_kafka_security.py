"""A connection is as secure as was asked for, or there is none."""

import socket
from typing import Any

import pytest

from tests.certificates import certificate, greeting_in_tls
from weir.pipelines.options.source import KafkaOptions
from weir.pipelines.settings.kafka import kafka_settings
from weir.transforms.kafka.errors import SourceError
from weir.transforms.kafka.listener import require_listener
from weir.transforms.kafka.settings import KafkaSettings

PASSWORD = {"sasl_username": "weir", "sasl_password": "secret"}


def refusal(**security):
    with pytest.raises(SourceError) as refused:
        KafkaSettings("127.0.0.1:1", **security).client_config()
    said = str(refused.value)
    assert "secret" not in said
    return said


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("plaintext", "PLAINTEXT"),
        ("ssl", "SSL"),
        ("Sasl_Plaintext", "SASL_PLAINTEXT"),
        (" sasl_ssl ", "SASL_SSL"),
    ],
)
def test_a_protocol_may_be_written_in_any_case(written, meant):
    login: dict[str, Any] = (
        PASSWORD | {"sasl_mechanism": "scram-sha-512"} if "SASL" in meant else {}
    )
    config = KafkaSettings("127.0.0.1:1", security_protocol=written, **login).client_config()
    assert config["security_protocol"] == meant
    assert ("ssl_context" in config) == meant.endswith("SSL")
    assert config.get("sasl_mechanism") == ("SCRAM-SHA-512" if login else None)


@pytest.mark.parametrize("written", ["TLS", "SASL", "sasl-ssl", "SSL,SASL", "", "PLAINTEXT\0"])
def test_a_protocol_that_is_unknown_is_refused_and_means_nothing_in_the_clear(written):
    assert "it is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL" in refusal(
        security_protocol=written
    )


@pytest.mark.parametrize("written", ["SCRAM", "scram_sha_256", "OAUTHBEARER", "GSSAPI", ""])
def test_a_mechanism_that_is_unknown_is_refused(written):
    said = refusal(security_protocol="SASL_SSL", sasl_mechanism=written, **PASSWORD)
    assert "it is one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512" in said


@pytest.mark.parametrize(
    ("security", "said"),
    [
        ({"security_protocol": "SASL_SSL"}, "needs --sasl-mechanism"),
        ({"sasl_mechanism": "PLAIN"} | PASSWORD, "where nobody logs in"),
        ({"security_protocol": "SSL", "sasl_mechanism": "PLAIN"} | PASSWORD, "nobody logs in"),
        ({"sasl_username": "weir"}, "--sasl-username needs --sasl-mechanism"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN"}, "WEIR_KAFKA_SASL_PASSWORD"),
        ({"ssl_cafile": "ca.pem"}, "--ssl-cafile is of no use with --security-protocol=PLAINTEXT"),
        ({"ssl_certfile": "own.pem"}, "--ssl-certfile is of no use"),
        ({"security_protocol": "SSL", "ssl_keyfile": "own.key"}, "needs --ssl-certfile"),
    ],
)
def test_a_setting_that_would_not_be_used_is_refused(security, said):
    assert said in refusal(**security)


def test_the_options_of_a_job_are_checked_as_they_are_read(monkeypatch):
    monkeypatch.setenv("WEIR_KAFKA_SASL_PASSWORD", "secret")
    with pytest.raises(SourceError, match="'tls' is unknown"):
        kafka_settings(KafkaOptions("127.0.0.1:1", security_protocol="tls"))


def test_a_password_in_the_environment_is_no_login_of_itself(monkeypatch):
    monkeypatch.setenv("WEIR_KAFKA_SASL_PASSWORD", "secret")
    assert kafka_settings(KafkaOptions("127.0.0.1:1")).sasl_password is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02", "is a Java key store; export PEM from it: keytool"),
        (b"0\x82\x03\x05", "is not PEM"),
        (b"", "is not PEM"),
        (b"-----BEGIN CERTIFICATE-----\n00\n-----END CERTIFICATE-----\n", "damaged certificate"),
        (b"-----BEGIN PRIVATE KEY-----\n00\n-----END PRIVATE KEY-----\n", "damaged certificate"),
    ],
)
def test_a_file_of_authorities_that_is_none_is_named(tmp_path, content, said):
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_bytes(content)
    message = refusal(security_protocol="SSL", ssl_cafile=str(file))
    assert message.startswith(f"--ssl-cafile {file} ")
    assert said in message


def test_a_key_of_another_certificate_is_refused_with_both_names(tmp_path):
    own, _ = certificate(tmp_path, "own")
    _, other = certificate(tmp_path, "other")
    said = refusal(security_protocol="SSL", ssl_certfile=str(own), ssl_keyfile=str(other))
    assert str(own) in said
    assert str(other) in said


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(tmp_path):
    own, key = certificate(tmp_path, "own", password=b"hidden")
    said = refusal(security_protocol="SSL", ssl_certfile=str(own), ssl_keyfile=str(key))
    assert "is encrypted" in said


def test_a_broker_whose_certificate_is_trusted_is_listened_to(tmp_path):
    own, key = certificate(tmp_path, "broker")
    with greeting_in_tls(own, key) as server:
        require_listener(KafkaSettings(server, security_protocol="SSL", ssl_cafile=str(own)), 5)


def test_a_broker_that_signed_for_itself_is_refused_and_the_file_of_authorities_named(tmp_path):
    own, key = certificate(tmp_path, "broker")
    other, _ = certificate(tmp_path, "other")
    settings: dict[str, Any] = {"security_protocol": "SSL", "ssl_cafile": str(other)}
    with greeting_in_tls(own, key) as server, pytest.raises(SourceError) as refused:
        require_listener(KafkaSettings(server, **settings), 5)
    assert f"is not trusted by --ssl-cafile {other}: self" in str(refused.value)


def test_a_broker_that_signed_for_itself_is_refused_where_no_file_is_named(tmp_path):
    own, key = certificate(tmp_path, "broker")
    with (
        greeting_in_tls(own, key) as server,
        pytest.raises(SourceError, match=r"not trusted by this machine's authorities: self"),
    ):
        require_listener(KafkaSettings(server, security_protocol="SSL"), 5)


def test_a_port_without_tls_is_told_apart_from_an_untrusted_one():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = f"127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(SourceError, match="does not answer in TLS"):
            require_listener(KafkaSettings(server, security_protocol="SSL"), 0.2)
