#!/usr/bin/env bash
# What a hosted runner needs for ci/gate.sh: the packages of bootstrap.sh and the compiler $COMPILER (gcc or clang), with
# ccache before it in the steps that follow. What apt fetches is kept in ~/.cache/quantgate-apt, for the cache.
set -eu
cd "$(dirname "$0")/.."
export QUANTGATE_APT_CACHE=$HOME/.cache/quantgate-apt
scripts/bootstrap.sh --dev
case ${COMPILER:=gcc} in
gcc) ;;
clang) scripts/bootstrap.sh --only clang libomp-dev ;;
*)
    echo "toolchain: COMPILER is gcc or clang" >&2
    exit 2
    ;;
esac
echo "CC=ccache $COMPILER" >>"$GITHUB_ENV"
"$COMPILER" --version
