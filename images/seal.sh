#!/bin/sh
# Lay what was installed in folder /$1 since the last call out in /sealed, ready to be copied into an image and the same at every
# build: every file dated $2 (seconds since 1970), and with bytecode that Python never compares with its source, because neither
# changes any more.
set -eu
folder=$1 date=$2 last=$PWD/sealed
cd /
new() { find "$folder" ! -type d -newer "$last" "$@" | LC_ALL=C sort; }

# A template or a test that is not Python is left without bytecode, as pip leaves it.
new -name '*.py' | /venv/bin/python -m compileall -qq --invalidation-mode unchecked-hash -i - || true
rm -rf sealed
mkdir sealed
new | tr '\n' '\0' | xargs -0 cp --archive --link --parents --target-directory sealed
find sealed -exec touch --no-dereference --date "@$date" {} +
touch "$last"
