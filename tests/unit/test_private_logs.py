"""Libraries that send posts log nothing that holds them, and no more than they did before."""

import logging

import pytest

from weir.transforms.process.private_logs import withhold_content


@pytest.mark.parametrize(
    ("around", "least"), [(logging.DEBUG, logging.INFO), (logging.WARNING, logging.WARNING)]
)
def test_a_library_logs_neither_its_requests_nor_more_than_the_logs_around_it(around, least):
    parent, logger = logging.getLogger("chatty"), logging.getLogger("chatty.client")
    parent.setLevel(around)
    withhold_content("chatty")
    assert logger.getEffectiveLevel() == least
    logger.setLevel(logging.NOTSET)
