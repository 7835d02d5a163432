"""`python -m agent`, and where the single-file build begins."""

import os
import sys
import warnings

if getattr(sys, "frozen", False):
    # requests misses what the build leaves out on purpose, and says so while it is imported.
    warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")

from agent.main import main

if __name__ == "__main__":
    if getattr(sys, "frozen", False):
        # The libraries in the file are ours alone: systemctl and its like have their own.
        before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
        os.environ.pop("LD_LIBRARY_PATH", None)
        if before is not None:
            os.environ["LD_LIBRARY_PATH"] = before
    sys.exit(main())
