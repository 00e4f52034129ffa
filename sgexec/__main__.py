"""`python -P -m sgexec`: the same command line. Without -P Python imports from the current directory."""

import sys

from sgexec.cli import main

if __name__ == "__main__":
    sys.exit(main())
