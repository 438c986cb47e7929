#!/usr/bin/env bash
# Runs on a self-hosted runner before every job (ACTIONS_RUNNER_HOOK_JOB_STARTED); anything but 0 and the job does not run.
# Refuses work of strangers whatever a workflow says, cleans what the last job left, and asks the driver.
# Settings come from /etc/quantgate-runner/hooks.env (HOOK_SETTINGS names another file), which jobs cannot write:
#   REPOSITORIES="owner/name ..."   whose jobs are taken
#   WORKFLOWS="gpu.yml ..."         which of their workflows
#   WORK=/srv/runner/0/_work        the workspace lies below it and is emptied
#   GPU=GPU-...                     UUID of this runner's GPU; empty: none
set -u
refuse() {
    printf '::error title=This runner refuses the job::%s\n' "${*//[$'%\r\n']/ }"
    exit 1
}
settings=${HOOK_SETTINGS:-/etc/quantgate-runner/hooks.env}
[ -r "$settings" ] || refuse "there is no $settings"
REPOSITORIES='' WORKFLOWS='' WORK='' GPU=''
# shellcheck source=/dev/null
. "$settings"

# ---- whose work ----
repository=${GITHUB_REPOSITORY:-} reference=${GITHUB_WORKFLOW_REF:-} event=${GITHUB_EVENT_NAME:-}
[[ -n $repository && " $REPOSITORIES " == *" $repository "* ]] || refuse "it does not work for '$repository'"
workflow=${reference%%@*}
[[ $workflow == "$repository/.github/workflows/"* && " $WORKFLOWS " == *" ${workflow##*/} "* ]] || refuse "it does not run '$workflow'"
case $event in
push | schedule | workflow_dispatch) ;;
pull_request)
    head=$(jq -er '.pull_request.head.repo.full_name' "${GITHUB_EVENT_PATH:-/dev/null}") || refuse "the event does not say where the branch is"
    [ "$head" = "$repository" ] || refuse "the branch is '$head's; somebody must read it and start the workflow with its commit"
    ;;
*) refuse "it takes no event '$event'" ;;
esac

# ---- what the last job left ----
workspace=$(realpath -m -- "${GITHUB_WORKSPACE:-/}")
[[ -n $WORK && $workspace == "$(realpath -m -- "$WORK")"/?* ]] || refuse "the workspace '$workspace' is not below '$WORK'"
[ ! -d "$workspace" ] || find "$workspace" -mindepth 1 -delete || refuse "the workspace cannot be emptied"

# ---- the device ----
if [ -n "$GPU" ]; then
    nvidia-smi -i "$GPU" --query-gpu=name,driver_version,clocks.sm,temperature.gpu --format=csv || refuse "the driver does not answer for $GPU"
    busy=$(nvidia-smi -i "$GPU" --query-compute-apps=pid --format=csv,noheader) || refuse "the driver does not say who computes"
    [ -z "$busy" ] || refuse "somebody computes on $GPU already: process ${busy//$'\n'/ }"
fi
if command -v quantgate >/dev/null; then
    quantgate doctor || refuse "quantgate doctor finds an error with this machine"
fi
exit 0
