#!/bin/sh
# Makes .venv with every locked dependency, Sermo itself and its Python client (both editable). Called by `make setup`; runs again at any time.
#
# Takes uv where it is there, else python3 -m venv and pip. What is installed is named in requirements.lock with hashes,
# the build backend too, so nothing unpinned is fetched. A run that was cut off is noticed by its mark and done anew.
set -eu
cd "$(dirname "$0")/.."

MARK=.venv/.unfinished

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
can_make_venv() { [ -n "$UV" ] || "$1" -c 'import venv, ensurepip' 2>/dev/null; }

UV=$(command -v uv || true)

# The first Python that is new enough and complete; CANDIDATE is one that only lacks the venv module.
find_python() {
    PYTHON='' CANDIDATE='' OLD=''
    for name in python3 python3.13 python3.12 python3.11; do
        command -v "$name" >/dev/null 2>&1 || continue
        if ! is_new_enough "$name"; then
            OLD="${OLD:+$OLD, }$("$name" --version 2>&1 || true)"
        elif can_make_venv "$name"; then
            PYTHON=$(command -v "$name")
            return
        else
            CANDIDATE=$name
        fi
    done
    if [ -n "$CANDIDATE" ]; then
        fail "$CANDIDATE has no ensurepip, so it cannot make a virtual environment." \
            "Install it (Debian, Ubuntu: apt-get install python3-venv) and run this again."
    fi
    fail "Python 3.11 or newer is needed; found ${OLD:-none}. Install one (Debian 12 and newer: apt-get install python3 python3-venv)."
}

is_sound() {
    [ ! -e "$MARK" ] && [ -x .venv/bin/python ] && is_new_enough .venv/bin/python || return 1
    [ -n "$UV" ] || .venv/bin/python -m pip --version >/dev/null 2>&1
}

if ! is_sound; then
    find_python
    if [ -e .venv ]; then
        say "removing a .venv that is unfinished or does not work"
        rm -rf .venv
    fi
    say "making .venv with $("$PYTHON" --version)${UV:+ and uv}"
    mkdir .venv
    : >"$MARK"
    if [ -n "$UV" ]; then
        # into the folder that holds the mark
        "$UV" venv --quiet --allow-existing --python "$PYTHON" .venv
    else
        "$PYTHON" -m venv .venv
    fi
fi

: >"$MARK"
say "installing the dependencies of requirements.lock"
if [ -n "$UV" ]; then
    install() { "$UV" pip install --quiet --python .venv/bin/python "$@"; }
else
    install() { .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@"; }
fi
install --require-hashes -r requirements.lock
install --no-deps --no-build-isolation --editable . --editable clients/python
rm -f "$MARK"
say "done"
