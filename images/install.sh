#!/bin/sh
# Install what requirements.lock names into /venv, each file checked by its hash. What is no wheel is made one by the tools, which
# /venv has not; that wheel has no hash that could be known, so the second step looks at versions only, and at no index.
set -eu
tools/bin/pip wheel --require-hashes --no-deps --no-build-isolation --wheel-dir wheels -r requirements.lock
sed '/--hash=/d; s/ \\$//' requirements.lock > versions.txt
tools/bin/pip --python /venv/bin/python install --no-index --find-links wheels --no-deps -r versions.txt
sh seal.sh venv "$SOURCE_DATE_EPOCH"
