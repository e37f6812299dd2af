"""The program ``cadrage``, also as ``python -m cadrage.cli``."""

import os
import sys

_INTERRUPTED = 130


def main() -> int:
    """Run the command line and return its exit code, also where it is interrupted while it loads."""
    _fill_closed_descriptors()
    try:
        from cadrage.cli.app import main as run

        return run()
    except KeyboardInterrupt:
        return _INTERRUPTED


def _fill_closed_descriptors() -> None:
    """Give the numbers of closed standard streams away, before a file of the run gets one of them."""
    try:
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(number)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main())
