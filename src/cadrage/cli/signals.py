"""What a service manager or a closed terminal sends ends a run as Ctrl-C does: nothing half-written stays."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Windows has no hang-up.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Ended(BaseException):
    """The process was asked to end; like KeyboardInterrupt no error that a loop over photos may pass over."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name = signal.Signals(number).name
        # As a shell reports a process that a signal has ended.
        self.exit_code = 128 + number


@contextmanager
def ending_signals() -> Iterator[None]:
    """Raise `Ended` where such a signal arrives while the block runs; one that is ignored (nohup) stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    process = os.getpid()

    def end(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:
            # A worker that was forked meanwhile ends as it would without us.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        # A second one must not interrupt what the first one makes us clean up.
        signal.signal(number, signal.SIG_IGN)
        raise Ended(number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    taken = [number for number, handler in before.items() if handler == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])
