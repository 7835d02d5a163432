"""Looks for secrets in every file of the checkout; prints where, never what, and exits 1.

A line that must look like a secret (a made-up one in a test) ends in `not a secret`.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_OUT = {".git", ".venv", "build", "data", "dist"}
EXCUSE = "not a secret"

PATTERNS = {
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{60,})",
    "Slack token": r"\bxox[abposr]-[0-9A-Za-z-]{10,}",
    "Google key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "signed token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "password in an address": (
        r"\b[a-z][a-z0-9+]*://[^\s:/@'\"{}$<]+:(?!password@)[^\s:/@'\"{}$<]{8,}@"
    ),
    "value of a secret setting": (
        r"(?i)^\s*(?:export\s+)?[a-z_]*(?:secret|password|token|api_?key)[a-z_]*"
        r"\s*[:=]\s*['\"]?(?=[^\s'\"]*[0-9])(?=[^\s'\"]*[a-z])[0-9a-z+/=_-]{16,}['\"]?\s*,?\s*$"
    ),
}
COMPILED = {what: re.compile(pattern) for what, pattern in PATTERNS.items()}


def scan(text: str) -> list[tuple[int, str]]:
    """The line number and the kind of each thing in `text` that looks like a secret."""
    return [
        (number, what)
        for number, line in enumerate(text.splitlines(), 1)
        if not line.rstrip().endswith(EXCUSE)
        for what, pattern in COMPILED.items()
        if pattern.search(line)
    ]


def files(root: Path) -> list[Path]:
    """What git keeps or would keep; without git, everything but what is built."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        found = root.rglob("*")
        return [path for path in found if not LEFT_OUT & set(path.relative_to(root).parts)]
    return [root / name for name in listed.stdout.split("\0") if name]


def main(root: Path) -> int:
    """Print every finding under `root`; the exit code."""
    found = 0
    for path in files(root):
        if not path.is_file():
            continue
        for number, what in scan(path.read_text(encoding="utf-8", errors="replace")):
            print(f"{path.relative_to(root)}:{number}: looks like a secret ({what})")
            found += 1
    print(f"Secret scan: {found or 'nothing'} found.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT))
