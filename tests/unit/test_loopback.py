import pytest

from weir.transforms.loopback import is_loopback


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:11434/v1",
        "http://LOCALHOST./v1",
        "https://judge.localhost/v1",
        "http://127.8.9.1/v1",
        "http://127.1/v1",
        "http://2130706433/v1",
        "http://[::1]:8000/v1",
        "http://[::ffff:127.0.0.1]/v1",
        "http://0.0.0.0:8000/v1",
        "127.0.0.1:9060",
        "localhost:9060",
        "[::1]:9060",
    ],
)
def test_an_address_of_this_machine_is_loopback(address):
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://api.example.com/v1",
        "http://127.0.0.1.example.com/v1",
        "http://localhost.example.com/v1",
        "http://127.0.0.1@example.com/v1",
        "http://10.0.0.1/v1",
        "emulator:9060",
        "http://[::1/v1",
        "",
    ],
)
def test_the_address_of_another_is_not_loopback(address):
    assert not is_loopback(address)
