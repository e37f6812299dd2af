"""Run the command line as ``python -m cadrage.cli``."""

import sys

from cadrage.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
