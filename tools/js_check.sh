#!/bin/sh
# Checks the types of the JavaScript client with `tsc --checkJs --strict`, where there is a Node; otherwise says that it did not.
set -eu
cd "$(dirname "$0")/.."

code=0
sh tools/js_setup.sh || code=$?
case $code in
    0) clients/js/node_modules/.bin/tsc -p clients/js/tsconfig.json ;;
    3) echo "check: SKIPPED the types of clients/js: no node and npm here (Debian: apt-get install nodejs npm)" ;;
    *) echo "check: SKIPPED the types of clients/js: npm could not install its packages" ;;
esac
