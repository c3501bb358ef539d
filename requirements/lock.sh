#!/usr/bin/env bash
# Locks the dependency sets with hashes, from pyproject.toml alone. Needs uv. Usage: make lock
set -eu
cd "$(dirname "$0")/.."
UV=${UV:-uv}
lock() { # NAME EXTRA...
    name=$1; shift
    "$UV" pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        --constraints requirements/all.txt $(printf -- '--extra %s ' "$@") --output-file "requirements/$name.txt"
}
: > requirements/all.txt
"$UV" pip compile pyproject.toml --quiet --universal --python-version 3.11 --no-header --no-annotate --all-extras \
    --no-emit-index-url --no-emit-find-links ${LOCK_ARGS:-} --output-file requirements/all.txt
lock serve core serve build
lock demo core train serve build
lock dev core train serve spark report dev build
lock full core train serve spark report notebooks dev bench build
rm requirements/all.txt
