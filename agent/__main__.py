"""`python -m agent`, and where the single-file build begins."""

import sys

from agent.main import main

if __name__ == "__main__":
    sys.exit(main())
