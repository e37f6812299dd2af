"""Use the processor's other cores while this thread waits for a decoder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Do ``work``, which remembers its own result, in another thread while the block runs, and wait for it at the end.

    Its errors are left to whoever asks for the result again.
    """

    def quietly() -> None:
        with suppress(Exception):
            work()

    # A thread per call instead of a pool: a pool would not survive a fork of the process.
    thread = Thread(target=quietly, name="cadrage-meanwhile", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
