"""`inventory-hub` in forks of a warm process, each killed with SIGKILL at a chosen SQL boundary.

Reads one JSON object a line: {"arguments": [...], "environ": {...}, "kill_at": 17 or null}.
Answers two lines for each: {"pid": 4711} when it is under way, and at its end
{"status": 0, "boundaries": 212, "output": "..."}; the status is negative for a signal.

A boundary is the moment before or after a statement, or before a commit.
"""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from cli.main import main
from etl.sources import discover

EVENTS = ("before_cursor_execute", "after_cursor_execute", "commit")


class Boundaries:
    """Counts boundaries, and ends the process at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.passed = 0
        self.kill_at = kill_at
        for name in EVENTS:
            event.listen(Engine, name, self.reach)

    def reach(self, *_: object) -> None:
        self.passed += 1
        if self.passed == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def child(task: dict[str, Any], report: Path) -> None:
    """Be the command; never comes back."""
    with report.open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.update(task["environ"])
    boundaries = Boundaries(task["kill_at"])
    try:
        main(task["arguments"])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    report.with_suffix(".count").write_text(str(boundaries.passed))
    os._exit(status)


def serve() -> None:
    """Do what each line says."""
    discover()
    folder = Path(tempfile.mkdtemp(prefix="hub-"))
    report, count = folder / "output", folder / "output.count"
    for line in sys.stdin:
        count.write_text("0")
        pid = os.fork()
        if pid == 0:
            child(json.loads(line), report)
        print(json.dumps({"pid": pid}), flush=True)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        answer = {
            "status": status, "boundaries": int(count.read_text()), "output": report.read_text(),
        }  # fmt: skip
        print(json.dumps(answer), flush=True)
    for path in (report, count):
        path.unlink(missing_ok=True)
    folder.rmdir()


if __name__ == "__main__":
    serve()
