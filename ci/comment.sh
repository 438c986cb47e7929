#!/usr/bin/env bash
# Writes what the gate found in run $RUN_ID as one comment of its pull request, or renews it.
# usage: ci/comment.sh          (GH_TOKEN; GITHUB_REPOSITORY, RUN_ID, HEAD_SHA, HEAD_OWNER, HEAD_BRANCH)
# Which pull request it is follows from the event's commit and branch, asked of GitHub: the artifact says nothing of it.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $RUN_ID =~ ^[0-9]+$ && $HEAD_SHA =~ ^[0-9a-f]{40}$ ]] || {
    echo "comment: the event names no run" >&2
    exit 2
}
export HEAD_SHA
mapfile -t pulls < <(gh api --method GET "repos/$GITHUB_REPOSITORY/pulls" -f state=open -f "head=$HEAD_OWNER:$HEAD_BRANCH" \
    --jq '.[] | select(.head.sha == env.HEAD_SHA) | .number')
[[ ${#pulls[@]} = 1 && ${pulls[0]} =~ ^[0-9]+$ ]] || {
    echo "comment: no open pull request has this commit at its head; a newer run will say more"
    exit 0
}
artifact=$(gh api --method GET "repos/$GITHUB_REPOSITORY/actions/runs/$RUN_ID/artifacts" -f name=quantgate-report \
    --jq '[.artifacts[] | select(.size_in_bytes < 100000000)][0].id // empty')
[[ $artifact =~ ^[0-9]+$ ]] || {
    echo "comment: the run kept no report"
    exit 0
}
gh api "repos/$GITHUB_REPOSITORY/actions/artifacts/$artifact/zip" >"$RUNNER_TEMP/report.zip"
body=$RUNNER_TEMP/comment.md
python3 ci/comment.py "$RUNNER_TEMP/report.zip" "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$RUN_ID" >"$body"
mine=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/${pulls[0]}/comments" \
    --jq '.[] | select(.user.login == "github-actions[bot]" and (.body | startswith("<!-- quantgate -->"))) | .id' | head -n 1)
if [ -n "$mine" ]; then
    gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$mine" -F "body=@$body" --jq .html_url
else
    gh api --method POST "repos/$GITHUB_REPOSITORY/issues/${pulls[0]}/comments" -F "body=@$body" --jq .html_url
fi
