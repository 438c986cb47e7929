#!/usr/bin/env bash
# Runs on a self-hosted runner after every job (ACTIONS_RUNNER_HOOK_JOB_COMPLETED): leaves nothing of it to the next one.
# Settings as those of job-started.sh.
set -u
settings=${HOOK_SETTINGS:-/etc/quantgate-runner/hooks.env}
WORK=''
# shellcheck source=/dev/null
[ ! -r "$settings" ] || . "$settings"
workspace=$(realpath -m -- "${GITHUB_WORKSPACE:-/}")
if [[ -z $WORK || $workspace != "$(realpath -m -- "$WORK")"/?* ]]; then
    echo "job-completed: the workspace '$workspace' is not below '$WORK', nothing is emptied"
    exit 1
fi
find "$workspace" -mindepth 1 -delete
