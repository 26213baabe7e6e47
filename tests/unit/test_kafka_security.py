"""A connection is as secure as was asked for, or there is none."""

import json
import socket
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from kafka.net.sasl import get_sasl_mechanism

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


@pytest.mark.parametrize("written", ["SCRAM", "scram_sha_256", "OAUTH", "AWS", ""])
def test_a_mechanism_that_is_unknown_is_refused(written):
    said = refusal(security_protocol="SASL_SSL", sasl_mechanism=written, **PASSWORD)
    assert "it is one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM" in said


@pytest.mark.parametrize("written", ["GSSAPI", "kerberos", "SSPI"])
def test_kerberos_is_refused_with_the_reason_and_the_way_out(written):
    said = refusal(security_protocol="SASL_SSL", sasl_mechanism=written, **PASSWORD)
    assert "Kerberos is not supported, for its tickets" in said
    assert "OAUTHBEARER, SCRAM-SHA-512 or client certificates" in said


TOKENS: dict[str, Any] = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "oauthbearer",
} | PASSWORD


@pytest.mark.parametrize(
    ("security", "said"),
    [
        (TOKENS, "--sasl-token-url belong together"),
        (TOKENS | {"sasl_mechanism": "PLAIN", "sasl_token_url": "https://a.b"}, "belong together"),
        (TOKENS | {"sasl_token_url": "http://id.example.org/token"}, "in the clear"),
        (TOKENS | {"sasl_token_url": "https://weir:secret@example.org"}, "has a login in it"),
        (TOKENS | {"sasl_token_url": "id.example.org"}, "is no address"),
        (TOKENS | {"sasl_token_url": "https://[::1"}, "is no address"),
        (TOKENS | {"sasl_token_url": "https://a.b", "sasl_password": None}, "SASL_PASSWORD"),
        (TOKENS | {"sasl_mechanism": "AWS_MSK_IAM"}, "AWS's own variables and roles say who"),
        (
            {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "AWS_MSK_IAM"},
            "needs --security-protocol=SASL_SSL",
        ),
    ],
)
def test_a_login_by_token_or_by_aws_that_would_not_be_one_is_refused(security, said):
    assert said in refusal(**security)


MSK: dict[str, Any] = {"security_protocol": "SASL_SSL", "sasl_mechanism": "aws_msk_iam"}


def test_a_login_by_aws_needs_botocore_and_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore", None)
    assert "pip install botocore" in refusal(**MSK)


def test_a_login_by_aws_signs_with_what_botocore_finds(monkeypatch):
    """Of botocore there is what Kafka's client asks of it; no broker of AWS was at hand."""
    session = SimpleNamespace(
        get_credentials=lambda: SimpleNamespace(
            get_frozen_credentials=lambda: SimpleNamespace(
                access_key="AKIA", secret_key="hidden", token=None
            )
        ),
        get_config_variable=lambda _: "eu-west-1",
    )
    package = ModuleType("botocore")
    package.__spec__ = ModuleSpec("botocore", None)
    of_session = ModuleType("botocore.session")
    monkeypatch.setattr(of_session, "Session", lambda: session, raising=False)
    monkeypatch.setitem(sys.modules, "botocore", package)
    monkeypatch.setitem(sys.modules, "botocore.session", of_session)
    config = KafkaSettings("b-1.msk.example:9098", **MSK).client_config()
    assert config["sasl_mechanism"] == "AWS_MSK_IAM"
    mechanism = get_sasl_mechanism("AWS_MSK_IAM")(host="b-1.msk.example", **config)
    signed = json.loads(mechanism.auth_bytes())
    assert signed["action"] == "kafka-cluster:Connect"
    assert signed["x-amz-credential"].startswith("AKIA/")
    assert "hidden" not in str(signed)


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
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02", "a Java key store, or PKCS #12: write"),
        (bytes.fromhex("308209d60201033082"), "as PEM by keytool -list -rfc"),
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


def test_a_java_key_store_in_the_place_of_a_key_says_how_it_becomes_pem(tmp_path):
    store = tmp_path / "own.jks"
    store.write_bytes(bytes.fromhex("feedfeed00000002"))
    said = refusal(security_protocol="SSL", ssl_certfile=str(store))
    assert "keytool -importkeystore" in said
    assert "openssl pkcs12" in said


def test_pem_may_be_given_as_its_text(tmp_path):
    own, key = certificate(tmp_path, "broker")
    texts: dict[str, Any] = {
        "security_protocol": "SSL",
        "ssl_cafile": own.read_text(),
        "ssl_certfile": own.read_text(),
        "ssl_keyfile": key.read_text(),
    }
    with greeting_in_tls(own, key) as server:
        require_listener(KafkaSettings(server, **texts), 5)


def test_a_text_of_pem_is_not_repeated_in_what_is_said_of_it(tmp_path):
    own, _ = certificate(tmp_path, "own")
    _, other = certificate(tmp_path, "other")
    said = refusal(
        security_protocol="SSL", ssl_certfile=own.read_text(), ssl_keyfile=other.read_text()
    )
    assert "BEGIN" not in said
    assert "not a certificate and its key" in said


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
