#!/usr/bin/env bash
# Builds the image inventory-hub:VERSION, also named inventory-hub:local, which compose.yaml runs.
# Arguments go to `docker build`.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' db/__init__.py)
docker build --label "org.opencontainers.image.title=inventory-hub" \
    --label "org.opencontainers.image.version=$version" \
    --label "org.opencontainers.image.licenses=MIT" \
    --tag "inventory-hub:$version" --tag inventory-hub:local "$@" .
