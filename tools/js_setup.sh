#!/bin/sh
# Installs what the JavaScript client's checks and tests need (clients/js/package-lock.json), into clients/js/node_modules. Nothing to do
# where that was done already. Exit code 3: there is no Node or no npm here.
set -eu
cd "$(dirname "$0")/../clients/js"

command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || exit 3

STAMP=node_modules/.installed
[ -e "$STAMP" ] && [ ! package-lock.json -nt "$STAMP" ] && exit 0
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
touch "$STAMP"
