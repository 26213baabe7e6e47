"""The file of --access changes while the console runs."""

import hashlib
import logging

import pytest

from weir.pipelines.console.access_reloaded import Reloaded

_PERSON = "- {{name: {0}, role: {1}, token_sha256: {2}}}\n"


def people(**roles):
    """Return a file in which each person's token is their name."""
    lines = (
        _PERSON.format(name, role, hashlib.sha256(name.encode()).hexdigest())
        for name, role in roles.items()
    )
    return "people:\n" + "".join(lines)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.yaml"
    path.write_text(people(ada="operator", bob="reviewer"))
    return path


def status(browser, who):
    return browser.get("/hello", headers={"cookie": f"weir-session={who}"}).status_code


def test_who_is_taken_out_of_the_file_is_out_with_their_next_page(client, file):
    browser = client(Reloaded(file))
    assert (status(browser, "ada"), status(browser, "bob")) == (200, 200)
    file.write_text(people(ada="operator"))
    assert (status(browser, "ada"), status(browser, "bob")) == (200, 303)


def test_who_is_put_into_the_file_or_given_another_role_is_that_at_once(file):
    access = Reloaded(file)
    file.write_text(people(ada="reader", eve="reviewer"))
    assert access.person({}, "ada").role.title == "reader"
    assert access.person({}, "eve").name == "eve"


def test_a_name_that_is_added_to_the_file_is_answered_to(client, file):
    browser = client(Reloaded(file), base="http://weir.example.org")
    assert browser.get("/hello").status_code == 421
    file.write_text(people(ada="operator") + "hosts: [weir.example.org]\n")
    assert browser.get("/hello").status_code == 303


@pytest.mark.parametrize(
    "broken", ["", "people: [", "people: []", "people:\n- {name: ada, role: king, s3cret-key: 1}\n"]
)
def test_a_file_that_is_not_understood_leaves_those_before_in_force_and_says_where(
    file, broken, caplog
):
    access = Reloaded(file)
    file.write_text(broken)
    for _ in range(3):
        assert access.person({}, "bob").name == "bob"
    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert f"--access {file}:" in said.getMessage()
    assert "s3cret" not in said.getMessage()


def test_a_file_that_is_gone_leaves_those_before_in_force_until_there_is_another(file, caplog):
    access = Reloaded(file)
    file.unlink()
    assert access.person({}, "bob").name == "bob"
    assert "is not understood (FileNotFoundError)" in caplog.text
    file.write_text(people(ada="operator"))
    assert access.person({}, "bob") is None


def test_a_file_whose_keys_come_a_moment_later_is_taken_up_then_and_was_told_of_once(file, caplog):
    access = Reloaded(file)
    proxy = "proxy: {header: X-Signed, audience: weir, issuer: proxy, keys: keys.json}\n"
    file.write_text(proxy + "people: [{name: ada, role: operator}]\n")
    for _ in range(3):
        assert access.person({}, "bob").name == "bob"
    assert len(caplog.records) == 1
    (file.parent / "keys.json").write_text('{"k1": "-----BEGIN PUBLIC KEY-----"}')
    assert access.person({}, "bob") is None
