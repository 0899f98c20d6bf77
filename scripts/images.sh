#!/bin/sh
# Build the images that are named, or all, with the builder that is there: docker, podman or buildah.
# BUILDER=podman chooses one, BASE=registry.example.org/python:3.11-slim another base, SERINUS_IMAGES=registry.example.org/serinus
# another place for the results, and ARGS="--no-cache" goes to the builder as it is.
set -eu
cd "$(dirname "$0")/.."

REPOSITORY=${SERINUS_IMAGES:-ghcr.io/serinus}
VERSION=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' operator/src/serinus/__init__.py)
ALL=$(cd images && echo */ | tr -d /)

fail() { echo "$*" >&2; exit 1; }
answers() { command -v "$1" >/dev/null && "$1" info >/dev/null 2>&1; }

builder() {
  for program in ${BUILDER:-docker podman buildah}; do
    if answers "$program"; then echo "$program"; return; fi
  done
  fail "No builder answers (tried ${BUILDER:-docker podman buildah}); install and start one, or name it: make images BUILDER=podman"
}

# When and from what: the last commit, or the caller's SOURCE_DATE_EPOCH where there is no Git.
commit_time() { git log -1 --format=%ct 2>/dev/null || fail "This is no Git checkout; set SOURCE_DATE_EPOCH=SECONDS, the date of the images"; }
revision() { git describe --always --abbrev=40 --dirty --match '' 2>/dev/null || echo unknown; }
iso() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -r "$1" +%Y-%m-%dT%H:%M:%SZ; }  # GNU's date, or BSD's

build() { # NAME
  started=$(date +%s)
  echo "Building $REPOSITORY/$1:$VERSION with $PROGRAM"
  # shellcheck disable=SC2086  # ARGS is several
  "$PROGRAM" build ${ARGS-} --file images/Containerfile --build-arg "IMAGE=$1" ${BASE:+--build-arg "BASE=$BASE"} \
    --build-arg "VERSION=$VERSION" --build-arg "REVISION=$REVISION" --build-arg "CREATED=$CREATED" \
    --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" --tag "$REPOSITORY/$1:$VERSION" .
  echo "Built $REPOSITORY/$1:$VERSION in $(($(date +%s) - started)) s"
}

PROGRAM=$(builder)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(commit_time)}
REVISION=$(revision)
CREATED=$(iso "$SOURCE_DATE_EPOCH")
for name in ${*:-$ALL}; do
  case " $ALL " in
    *" $name "*) build "$name" ;;
    *) fail "There is no image $name; there are $ALL" ;;
  esac
done
