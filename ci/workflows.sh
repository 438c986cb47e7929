#!/usr/bin/env bash
# Holds workflows, the action and what users copy against GitHub's schemas, yamllint, zizmor and, where it is installed,
# actionlint; the scripts that steps write in place against shellcheck. ci/actions runs them.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/build/venv/bin:$PATH
workflows=(.github/workflows/*.yml docs/examples/*.yml)
actions=(.github/actions/*/action.yml)

check-jsonschema --builtin-schema vendor.github-workflows "${workflows[@]}"
check-jsonschema --builtin-schema vendor.github-actions "${actions[@]}"
yamllint --strict -c ci/yamllint.yaml .github docs/examples ci/runner
zizmor --offline --quiet "${workflows[@]}" "${actions[@]}"
unpinned=$(grep -nE 'uses: +[^ .]' "${workflows[@]}" "${actions[@]}" | grep -vE '@[0-9a-f]{40}  # v[0-9]' || true)
[ -z "$unpinned" ] || { echo "workflows: pin actions by the full hash and name the version: $unpinned" && exit 1; }
n=$(python ci/actions/inline.py "${workflows[@]}" "${actions[@]}")
if command -v actionlint >/dev/null; then
    actionlint "${workflows[@]}"
    echo "workflows: schema, yamllint, zizmor, $n scripts in place, actionlint"
else
    echo "workflows: schema, yamllint, zizmor, $n scripts in place; no actionlint here, no package of Debian or PyPI holds it"
fi
