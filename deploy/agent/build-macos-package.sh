#!/bin/sh
# Makes dist/inventory-agent.pkg from dist/inventory-agent, on macOS. It lays the program into
# /usr/local/bin; if the agent is a service there already, it goes on with the new program.
set -eu
cd "$(dirname "$0")/../.."
version=$(dist/inventory-agent --version | cut -d ' ' -f 2)
root=build/macos-package
rm -rf "$root"
mkdir -p "$root/files/usr/local/bin" "$root/scripts"
install -m 755 dist/inventory-agent "$root/files/usr/local/bin/inventory-agent"
install -m 755 deploy/agent/macos-postinstall.sh "$root/scripts/postinstall"
pkgbuild --root "$root/files" --scripts "$root/scripts" --identifier com.inventory-hub.agent \
    --version "$version" --install-location / dist/inventory-agent.pkg
