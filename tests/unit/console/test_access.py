"""Who asks: by a token, or by what a proxy signs."""

import base64
import hashlib
import json
import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from google.auth import crypt, jwt
from starlette.datastructures import Headers

from weir.pipelines.console.access import BySignedHeader, ByToken
from weir.pipelines.console.people import Person, Role

GRACE = Person("grace@example.org", Role.REVIEWER)


def test_a_token_is_known_by_its_digest_and_no_other_is():
    access = ByToken({hashlib.sha256(b"open sesame").hexdigest(): GRACE})
    assert access.person({}, "open sesame") == GRACE
    for other in ("", "open", hashlib.sha256(b"open sesame").hexdigest(), "\udcff", "é" * 5000):
        assert access.person({}, other) is None


def test_a_token_ends_where_its_person_is_taken_out():
    assert ByToken({}).person({}, "open sesame") is None


def pair(kind):
    key = (
        rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        if kind == "RS256"
        else ec.generate_private_key(ec.SECP256R1())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "proxy")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    public = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    return private, certificate, public


PAIRS = {kind: pair(kind) for kind in ("RS256", "ES256")}
SIGNERS = {"RS256": crypt.RSASigner.from_string, "ES256": crypt.ES256Signer.from_string}


def token(kind="ES256", private=None, kid="k1", **claims):
    now = int(time.time())
    said = {
        "iss": "https://proxy.example.org",
        "aud": "weir",
        "email": "Grace@example.org",
        "iat": now,
        "exp": now + 600,
    } | claims
    signer = SIGNERS[kind](private or PAIRS[kind][0], key_id=kid)
    return jwt.encode(signer, said).decode()


def by_header(tmp_path, keys):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(keys))
    return BySignedHeader(
        header="X-Signed",
        audience="weir",
        issuer="https://proxy.example.org",
        keys=file,
        people={"grace@example.org": GRACE},
    )


def person(access, signed):
    return access.person(Headers({"x-signed": signed}), "")


@pytest.mark.parametrize("kind", SIGNERS)
def test_whom_a_proxy_signs_in_is_known_by_certificates_and_bare_keys(tmp_path, kind):
    for pem in PAIRS[kind][1:]:
        assert person(by_header(tmp_path, {"k1": pem}), token(kind)) == GRACE
        (tmp_path / "keys.json").unlink()


def unsigned(alg):
    def segment(said):
        return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")

    now = int(time.time())
    claims = {"iss": "https://proxy.example.org", "aud": "weir", "email": "grace@example.org"}
    head = {"alg": alg, "typ": "JWT", "kid": "k1"}
    return f"{segment(head)}.{segment(claims | {'iat': now, 'exp': now + 600})}."


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "x",
        "a.b.c",
        "é.é.é",
        unsigned("none"),
        unsigned("None"),
        unsigned("HS256"),
        unsigned("ES256"),
        token(aud="another"),
        token(aud=["weir"]),
        token(iss="https://elsewhere.example.org"),
        token(email="mallory@example.org"),
        token(email=["grace@example.org"]),
        token(email=None),
        token(exp=int(time.time()) - 3600),
        token(iat=int(time.time()) + 3600),
        token(iat="now"),
        token(kid="k2"),
        token(private=pair("ES256")[0]),
        token(private=pair("ES256")[0], kid=None),
        token("RS256"),
        token()[:-8] + "AAAAAAAA",
    ],
)
def test_what_a_proxy_did_not_sign_for_the_console_names_nobody(tmp_path, signed):
    assert person(by_header(tmp_path, {"k1": PAIRS["ES256"][1]}), signed) is None


def test_a_key_that_the_proxy_changed_is_read_without_a_restart(tmp_path):
    access = by_header(tmp_path, {"k0": PAIRS["RS256"][1]})
    assert person(access, token()) is None
    (tmp_path / "keys.json").write_text(json.dumps({"k1": PAIRS["ES256"][1]}))
    assert person(access, token()) == GRACE


def test_while_the_keys_cannot_be_read_nobody_is_known(tmp_path):
    access = by_header(tmp_path, {"k1": PAIRS["ES256"][1]})
    (tmp_path / "keys.json").unlink()
    assert person(access, token()) is None


def test_a_key_that_is_taken_out_counts_no_more_though_its_file_keeps_the_time(tmp_path):
    access = by_header(tmp_path, {"k1": PAIRS["ES256"][1]})
    assert person(access, token()) == GRACE
    file = tmp_path / "keys.json"
    before = file.stat().st_mtime_ns
    file.write_text(json.dumps({"k0": PAIRS["RS256"][1]}))
    os.utime(file, ns=(before, before))
    assert person(access, token()) is None
