#!/bin/sh
# Make the virtual environment $1 with every dependency of the lock file $2 (requirements.lock by default), checked by hash, and
# Serinus itself. Only a Python 3.11-3.13 is needed; PYTHON=/path/to/python chooses one.
set -eu
venv=$1
lock=${2:-requirements.lock}

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

python=
for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
  if fits "$name"; then python=$name; break; fi
done
if [ -z "$python" ]; then
  found=$("${PYTHON:-python3}" --version 2>/dev/null || echo "no ${PYTHON:-python3}")
  echo "Serinus needs Python 3.11, 3.12 or 3.13, but found $found; install one, or name it: make PYTHON=/path/to/python3.12" >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "$("$python" --version) has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2
  exit 1
fi

log=$venv/setup.log
echo "Setting up $venv with $("$python" --version), about two minutes the first time (log: $log)"
rm -rf "$venv"
"$python" -m venv "$venv"
pip() { PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip "$@" >>"$log" 2>&1; }
if ! { pip install --require-hashes -r requirements-build.lock &&
       pip install --require-hashes --no-build-isolation -r "$lock" &&
       pip install --no-deps --no-build-isolation -e .; }; then
  tail -n 20 "$log" >&2
  echo "The dependencies could not be installed; the last lines of $log are above. Is the package index reachable?" >&2
  exit 1
fi
