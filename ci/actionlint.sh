#!/usr/bin/env bash
# Installs actionlint, with Go as hosted runners have it, and puts it on the PATH of later steps; the checksum database
# of Go's modules vouches for what is built. ci/workflows.sh uses it where it is.
set -eu
cd "$(dirname "$0")/.."
scripts/bootstrap.sh --dev
bin=$RUNNER_TEMP/actionlint
GOBIN=$bin go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7
echo "$bin" >>"$GITHUB_PATH"
"$bin/actionlint" -version
