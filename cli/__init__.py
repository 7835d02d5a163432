"""The commands, one file a group. Besides the tests, the only package that imports both `etl` and
`dashboard`."""

import sys

from db.settings import SettingsError
from etl.sources import register_discovered

# Here, because modules of the dashboard read the registry of sources when they are imported: it
# must be full before, in the commands as in the processes that granian starts.
try:
    register_discovered()
except SettingsError as error:
    print(error, file=sys.stderr)
    raise SystemExit(2) from error
