#!/usr/bin/env bash
# Holds every tracked file against the house style: clang-format, shellcheck, yamllint, blanks, commit subjects.
set -u
cd "$(dirname "$0")/.." || exit
git rev-parse --git-dir >/dev/null 2>&1 || {
    echo "no git checkout here that may be read, so nobody knows which files are ours"
    exit 77
}
PATH=$PWD/build/venv/bin:$PATH
bad=0
fail() {
    echo "style: $*"
    bad=1
}

clang-format --version | grep -q 'version 14\.0\.6' ||
    fail "clang-format 14.0.6 wanted; run scripts/bootstrap.sh --dev"
git ls-files -z '*.[ch]' '*.js' | xargs -0 clang-format --dry-run -Werror || fail "run 'make format'"
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck || fail "shellcheck found something"
git ls-files -z '*.yaml' '*.yml' ':!suites/bad' | xargs -0 yamllint --strict -c ci/yamllint.yaml ||
    fail "yamllint found something"
git grep -nIE '[[:blank:]]+$' -- ':!golden' ':!*.exact' ':!*.svg' ':!suites/bad' ':!suites/data' &&
    fail "blanks at the end of a line"
git grep -nIP '\t' -- '*.[ch]' '*.js' '*.css' '*.html' '*.sh' '*.py' '*.y*ml' ':!suites/bad' && fail "tabs; use blanks"
# Subjects of what is not pushed yet: later it is too late to mend one.
git log --no-merges --format=%s origin/HEAD..HEAD 2>/dev/null | awk '
    length > 50 || /\.$/ || !/^[^ ].*: ./ { print "commit subject \"" $0 "\""; bad = 1 }
    END { exit bad }' || fail "a subject is 'room: verb what', 50 columns, no full stop"
[ $bad = 0 ] && echo "style: $(git ls-files | wc -l) files are in the house style"
exit $bad
