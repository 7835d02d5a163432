"""THE FRONT DOOR: the commands, one file a group. With the tests the only one that knows both
the writer and the reader."""

import sys

from db.settings import SettingsError
from etl.sources import register_discovered

# Here, because modules of the dashboard read the registry of sources while they are imported: it is
# full before any of them, in the commands and in the processes that granian starts.
try:
    register_discovered()
except SettingsError as error:
    print(error, file=sys.stderr)
    raise SystemExit(2) from error
