"""`python -m roleshift` is the command `roleshift`."""

import sys

from roleshift.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
