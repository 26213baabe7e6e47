"""The file of --access: each field that is not understood is refused, with its line."""

import hashlib
import json

import pytest

from weir.pipelines.console.access import BySignedHeader, ByToken
from weir.pipelines.console.access_file import read_access
from weir.pipelines.console.people import Person, Role
from weir.pipelines.errors import OptionError

DIGEST = hashlib.sha256(b"t").hexdigest()
OTHER = hashlib.sha256(b"u").hexdigest()
ADA = f"people:\n- name: ada\n  role: policy writer\n  token_sha256: {DIGEST}\n"
PROXIED = """hosts: [weir.example.org, 10.0.0.5]
proxy:
  header: X-Goog-Iap-Jwt-Assertion
  audience: /projects/1/apps/weir
  issuer: https://cloud.google.com/iap
  keys: keys.json
people:
- {name: Ada@example.org, role: operator}
"""


@pytest.fixture
def read(tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps({"k1": "-----BEGIN PUBLIC KEY-----\n"}))

    def from_text(text):
        path = tmp_path / "people.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_access(path)

    return from_text


def test_people_with_tokens(read):
    access = read(ADA + "hosts: [Weir.example.org]\n")
    assert access == ByToken({DIGEST: Person("ada", Role.WRITER)}, frozenset({"weir.example.org"}))


def test_people_whom_a_proxy_signs_in(read, tmp_path):
    access = read(PROXIED)
    assert isinstance(access, BySignedHeader)
    assert access.people == {"ada@example.org": Person("Ada@example.org", Role.OPERATOR)}
    assert (access.header, access.keys) == ("X-Goog-Iap-Jwt-Assertion", tmp_path / "keys.json")
    assert access.hosts == {"weir.example.org", "10.0.0.5"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no mapping"),
        ("- ada", "is no mapping"),
        ("people: [", "is not YAML"),
        (b"people: \xff", "is not UTF-8"),
        ("hosts: [a]", "the file has no people"),
        ("people: []", "names nobody"),
        ("people: ada", "people is a list"),
        ("people: [ada]", "a person needs name, role, token_sha256"),
        (ADA + "read_only: true", "'read_only', which means nothing"),
        (ADA + "people: []", "'people' twice"),
        (ADA.replace("role", "roles"), "did you mean role?"),
        (ADA.replace("policy writer", "admin"), "has the role 'admin'"),
        (ADA.replace("policy writer", "Operator"), "did you mean operator?"),
        (ADA.replace("name: ada", "name:"), "name of a person is not a text"),
        (ADA.replace("name: ada", "name: {a: b}"), "name of a person is not a text"),
        (ADA.replace("name: ada", 'name: "a\\tb"'), "not printable"),
        (ADA.replace("name: ada", "name: " + "a" * 201), "too long"),
        (ADA.replace(DIGEST, "secret"), "not the 64 hexadecimal digits"),
        (ADA.replace(DIGEST, DIGEST[:-1]), "not the 64 hexadecimal digits"),
        (ADA + ADA.partition("\n")[2].replace("ada", "bob"), "ada and bob share a token"),
        (ADA + ADA.partition("\n")[2].replace(DIGEST, OTHER), "ada is there twice"),
        (ADA.replace("role: policy", "role: x\n  role: policy"), "'role' twice"),
        (ADA + "hosts: weir.example.org", "hosts is a list"),
        (ADA + "hosts: ['https://weir.example.org']", "no name of a host"),
        (ADA + "hosts: ['weir.example.org:443']", "no name of a host"),
        (ADA + "hosts: ['*']", "no name of a host"),
        (ADA + "proxy: {}", "proxy has no audience"),
        (PROXIED.replace("  audience: /projects/1/apps/weir\n", ""), "proxy has no audience"),
        (PROXIED.replace("audience: /projects/1/apps/weir", "audience: ''"), "is not a text"),
        (PROXIED.replace("issuer: https", "issuers: https"), "did you mean issuer?"),
        (PROXIED.replace("X-Goog-", "X Goog "), "is not the name of a header"),
        (PROXIED + "- {name: ada@example.org, role: reader}\n", "is there twice"),
        (PROXIED.replace("operator}", f"operator, token_sha256: {DIGEST}}}"), "means nothing"),
        (ADA + "#" * (1 << 20), "more than 1,048,576 bytes"),
    ],
)
def test_what_is_not_understood_is_refused_in_a_sentence(read, text, said):
    with pytest.raises(OptionError) as caught:
        read(text)
    assert said in str(caught.value)
    assert "people.yaml:" in str(caught.value)


@pytest.mark.parametrize("keys", ["", "[]", "{}", '{"k1": "secret"}', '{"k1": 1}', "[" * 100_000])
def test_keys_that_are_none_are_refused(read, tmp_path, keys):
    (tmp_path / "keys.json").write_text(keys)
    with pytest.raises(OptionError, match="public keys in PEM"):
        read(PROXIED)
