#!/usr/bin/env bash
# Ends with the gate's exit code, once everything is kept. Without one the run itself was lost: the machine failed.
set -u
code=${EXIT_CODE:-}
[[ $code =~ ^[0-4]$ ]] || code=3
echo "quantgate: ${VERDICT:-error}, exit code $code"
exit "$code"
