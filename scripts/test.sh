#!/usr/bin/env bash
# Installs what is missing and runs every test; the last line counts the steps, exit code 1 if one failed.
set -eu
cd "$(dirname "$0")/.."
scripts/bootstrap.sh --dev
scripts/bootstrap.sh --cuda
exec ci/gate.sh
