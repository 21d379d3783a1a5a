#!/bin/sh
# Makes a virtual environment; Debian's python3 comes without what that needs.
set -eu
python=$1
venv=$2
if ! command -v "$python" >/dev/null; then
    echo "There is no $python here. Install it first: apt-get install python3" >&2
    exit 1
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Linli needs Python 3.11 or later; $python is $("$python" --version)." >&2
    echo "Name another: make demo PYTHON=python3.12" >&2
    exit 1
}
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv
    else
        echo "Python's venv is missing. As root: apt-get install python3-venv" >&2
        exit 1
    fi
fi
"$python" -m venv "$venv"
