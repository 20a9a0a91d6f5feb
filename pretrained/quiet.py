"""How are the library's warnings held back, where the caller says itself what they would?"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Lets only errors through to the log."""
    logger = logging.getLogger("pretrained")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
