"""What the rooms below tell while they work, as lines of the command line."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from cadrage.cli.report import message_line, say
from cadrage.errors import one_line


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        warns = record.levelno >= logging.WARNING
        say(message_line("warning", text) if warns else f"cadrage: {one_line(text)}")


@contextmanager
def log_told() -> Iterator[None]:
    """Write what the package logs to stderr, each message as one line, while the block runs."""
    logger, handler = logging.getLogger("cadrage"), _Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
