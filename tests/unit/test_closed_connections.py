"""What kafka-python says of a connection that Weir itself has closed: nothing."""

import logging
import socket

import pytest
from kafka.net.transport import KafkaTCPTransport

import weir.transforms.kafka.settings  # noqa: F401 - it is what quietens them


@pytest.fixture
def connection():
    """Give a transport whose socket is gone, as its thread may find it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport = KafkaTCPTransport(None, ours)
        transport._sock = None
        yield transport


def test_a_read_from_a_connection_that_was_closed_is_no_error(connection, caplog):
    connection.close()
    connection._sock_recv()
    assert not caplog.records


def test_a_read_that_fails_on_an_open_connection_is_said(connection, caplog):
    connection._sock_recv()
    assert "Error receiving network data" in caplog.text


@pytest.mark.parametrize("args", [(), ("no transport",), ({"a": "mapping"},)])
def test_what_another_version_of_the_client_says_there_is_said(args, caplog):
    logger = logging.getLogger("kafka.net.transport")
    record = logger.makeRecord(logger.name, logging.ERROR, "", 1, "%s", args, None, "_sock_recv")
    logger.handle(record)
    assert caplog.records == [record]
