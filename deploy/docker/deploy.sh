#!/usr/bin/env bash
# Starts Inventory Hub with docker compose, or brings what runs to this checkout's version: makes the
# secrets that are not there, builds the image, migrates, and waits until the dashboard answers.
# Arguments go to `docker compose`, before `up`: -f FILE, --profile NAME.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! docker compose version >/dev/null 2>&1; then
    echo "Docker with Compose 2.24 or later is needed: https://docs.docker.com/engine/install/" >&2
    exit 2
fi

# The containers' user is nobody on this machine, so the files are readable to all, in a folder that
# only its owner may enter.
mkdir -p secrets
chmod 700 secrets
for name in secret_key db_password; do
    if [ ! -s "secrets/$name" ]; then
        od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$name"
        echo "Made secrets/$name."
    fi
done
chmod 444 secrets/*

deploy/docker/build.sh
docker compose "$@" up --detach

echo "Waiting for the dashboard ..."
web=$(docker compose "$@" ps --quiet web)
for _ in $(seq 150); do
    health=$(docker inspect --format '{{.State.Health.Status}}' "$web")
    if [ "$health" = healthy ]; then
        address=http://$(docker compose "$@" port web 8050)
        echo "It answers at $address"
        # In the container the address is another one.
        docker compose "$@" logs --no-log-prefix web | grep -o 'http[^ ]*/invite/[^ ]*' | tail -1 |
            sed "s|^http://0.0.0.0:8050|$address|; s|^|Make the first administrator: |" || true
        exit 0
    fi
    sleep 2
done
echo "It does not answer after 5 minutes. See: docker compose logs migrate web" >&2
exit 1
