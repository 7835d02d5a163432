#!/bin/sh
# Builds dist/inventory-agent for the Linux or macOS on which this runs, with nothing but the agent's own
# dependencies in a folder of its own. `make agent-binary` does the same inside .venv.
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
"$python" -m venv build/agent-venv
build/agent-venv/bin/python -m pip install --quiet -c constraints.txt psutil requests pyinstaller
build/agent-venv/bin/pyinstaller --noconfirm --log-level WARN --distpath dist --workpath build/agent \
    deploy/agent/inventory-agent.spec
dist/inventory-agent --version
