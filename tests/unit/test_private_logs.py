"""Libraries that send posts log nothing that holds them, and no more than they did before."""

import logging

import pytest

from weir.transforms.process.private_logs import withhold_content


@pytest.fixture
def said(caplog):
    """Give what a library says whose level is set after its content was withheld."""

    def at(level):
        logging.getLogger("chatty.client").setLevel(logging.NOTSET)
        withhold_content("chatty")
        logging.getLogger("chatty").setLevel(level)
        for each in ("DEBUG", "INFO", "WARNING", "ERROR"):
            logging.getLogger("chatty.client").log(getattr(logging, each), each)
        return caplog.messages

    yield at
    logging.getLogger("chatty").setLevel(logging.NOTSET)


def test_a_library_never_logs_its_requests(said):
    assert said(logging.DEBUG) == ["INFO", "WARNING", "ERROR"]


def test_a_library_logs_no_more_than_the_logs_around_it(said):
    assert said(logging.WARNING) == ["WARNING", "ERROR"]


def test_a_library_can_still_be_silenced_as_a_whole(said):
    assert said(logging.CRITICAL) == []
