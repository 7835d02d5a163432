"""`python -m agent`, and the entry point of the single-file build."""

import os
import sys
import warnings

if getattr(sys, "frozen", False):
    # The build leaves this optional dependency of requests out; the import would warn.
    warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")

from agent.main import main

if __name__ == "__main__":
    if getattr(sys, "frozen", False):
        # Child processes such as systemctl must not load the bundled libraries.
        before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
        os.environ.pop("LD_LIBRARY_PATH", None)
        if before is not None:
            os.environ["LD_LIBRARY_PATH"] = before
    sys.exit(main())
