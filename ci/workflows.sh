#!/usr/bin/env bash
# Holds the workflows of .github/ against GitHub's schema, yamllint, zizmor and, where it is installed, actionlint.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/build/venv/bin:$PATH
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
yamllint --strict -c ci/yamllint.yaml .github
zizmor --offline --quiet .github/workflows
unpinned=$(grep -nE 'uses: +[^ .]' .github/workflows/*.yml | grep -vE '@[0-9a-f]{40}( |$)' || true)
[ -z "$unpinned" ] || { echo "workflows: pin actions by the full hash: $unpinned" && exit 1; }
if command -v actionlint >/dev/null; then
    actionlint
    echo "workflows: schema, yamllint, zizmor, actionlint"
else
    echo "workflows: schema, yamllint, zizmor; actionlint is left out, it is not installed here and no package has it"
fi
