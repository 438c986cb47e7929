#!/usr/bin/env bash
# Counts coverage for the dashboard: build/coverage/coverage.json.
set -eu
cd "$(dirname "$0")/../.."
scripts/bootstrap.sh --dev
WERROR=1 ci/coverage.sh
