# Models of any shape: sizes without writing, one folder that is written, shapes that cannot be.
try() {
    quantgate synth "$@"
    echo "exit $?: synth $*"
}
quantgate synth --help
try --preset llama2-7b --dry-run
try --preset llama2-7b --dry-run --json
try --preset tiny --hidden-size 96 --heads 4 --kv-heads 2 --tied --dry-run
try -o "$T/model" --seed 7
(cd "$T/model" && ls && sha256sum model.safetensors)
try -o "$T/model"
try
try --preset small --dry-run
try --hidden-size 70 --heads 4 --dry-run
try --rope-scaling linear --rope-factor 0.5 --dry-run
try --vocab-size 100 --dry-run
try --shards 100 -o "$T/other"
ls "$T"
