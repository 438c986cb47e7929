#!/usr/bin/env bash
# The manual page must be clean roff, and hold every command and option that --help prints and every variable that the
# program reads; `make install` must put it where man finds it.
set -u
cd "$(dirname "$0")/.." || exit
make -s manual || exit 1
program=build/quantgate page=build/quantgate.1 bad=0 n_commands=0 n_options=0
fail() {
    echo "manual: $*"
    bad=1
}

# clean COMMAND...: says nothing, on either stream.
clean() {
    local said
    said=$("$@" 2>&1) || fail "'$*' fails"
    [ -z "$said" ] || fail "'$*' says: $said"
}
clean groff -man -Tutf8 -ww -z $page
clean mandoc -Tlint $page

# The text of a section or command: from the line that heads it to the next head.
part() {
    awk -v head="$1" '/^\.S[HS] / { on = index($0 " ", head " ") == 1 } on' $page | sed -e 's/\\-/-/g' -e 's/\\f./ /g'
}

for command in $($program --help | awk '/^commands:/ { on = 1; next } on && NF == 0 { exit } on { print $1 }'); do
    text=$(part ".SS quantgate $command")
    [ -n "$text" ] || fail "no command '$command'"
    n_commands=$((n_commands + 1))
    for option in $($program "$command" --help | awk '/^options:/ { on = 1; next } on && NF == 0 { exit }
            on && /^  (-o, )?--/ { sub(/^  (-o, )?--/, ""); print $1 }' | grep -vx help); do
        grep -qE -- " --$option( |$)" <<<"$text" || fail "'$command' has no '--$option'"
        n_options=$((n_options + 1))
    done
done
((n_commands >= 10 && n_options >= 50)) || fail "found $n_commands commands with $n_options options in --help"

variables=$(part '.SH ENVIRONMENT')
for variable in $(git grep -hoE 'getenv\("[A-Z_]+' -- src kernels ':!*_check.[ch]' ':!src/check_main.c' | cut -d'"' -f2 | sort -u); do
    grep -qw "$variable" <<<"$variables" || fail "no variable '$variable'"
done
for code in 0 1 2 3 4; do
    part '.SH EXIT STATUS' | grep -qx ".B $code" || fail "no exit code $code"
done

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
make -s install DESTDIR="$root" PREFIX=/usr || fail "make install fails"
"$root/usr/bin/quantgate" --version >/dev/null || fail "the installed program does not start"
man -M "$root/usr/share/man" quantgate >/dev/null || fail "man does not find the installed page"

[ $bad = 0 ] && echo "manual: $n_commands commands, $n_options options, no warnings"
exit $bad
