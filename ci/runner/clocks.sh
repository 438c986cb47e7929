#!/usr/bin/env bash
# Holds every GPU at one clock, so that two runs of one program take the same time; "reset" lets them go.
# Needs root: the driver refuses clocks to others, and so a job cannot change what is set here. Lost with a reboot or a
# reload of the driver, hence a unit that sets it (quantgate-clocks.service).
# usage: clocks.sh set MHZ | reset
set -eu
case ${1:-} in
set)
    [[ ${2:-} =~ ^[0-9]{3,4}$ ]] || { echo "clocks: which clock, in MHz? nvidia-smi -q -d SUPPORTED_CLOCKS lists them" >&2 && exit 2; }
    nvidia-smi --persistence-mode=1
    nvidia-smi --lock-gpu-clocks="$2,$2"
    ;;
reset)
    nvidia-smi --reset-gpu-clocks
    ;;
*)
    echo "usage: clocks.sh set MHZ | reset" >&2
    exit 2
    ;;
esac
