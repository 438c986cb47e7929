# A dashboard written from a history, its folder, and what it refuses.
cp golden/reports/run.json "$T/run.json"
cd "$T" || exit
quantgate history append history.db run.json --branch main --commit 0123456789abcdef >/dev/null
try() {
    quantgate dashboard "$@"
    echo "exit $?"
}
try --help
try --history history.db -o site
find site -type f | LC_ALL=C sort
try --history history.db --suite 'nothing*' --out site
try
try --history history.db
try --history absent.db -o site
try --history history.db --last 0 -o site
try --history run.json -o site
try --history history.db --coverage run.json -o site
try --history history.db --kcheck run.json -o site
mkdir thesis && touch thesis/chapter.tex
try --history history.db -o thesis
