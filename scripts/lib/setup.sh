# shellcheck shell=bash
# Sourced by every script here: finds a Python and makes the virtual environment asked for.
#
#   use_venv .venv "" requirements.txt     sets VENV to a ready environment, or ends the script
#
# It tells on standard error what it does, a line each. All of it works in bash 3.2, which is what
# macOS has, and needs nothing but a Python.

set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
SCRIPT=scripts/${0##*/}

SUPPORTED="3.13 3.12 3.11" # the newest first; after these, any later python3
OLDEST="3.11"
# Distributions and home-made builds of Python leave out one or the other.
NEEDED_MODULES="ensurepip sqlite3 ssl venv"

say() {
    printf '%s: %s\n' "$SCRIPT" "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# be_command NAME ARGUMENTS...: becomes that command of the program hub-v1-bridge. Its help needs no
# environment if HELP holds a short one.
be_command() {
    VENV=$ROOT/.venv
    if [[ -n ${HELP:-} && ${2:-} =~ ^(-h|--help)$ ]] && ! _is_ready requirements.txt; then
        printf '%s\n\n%s\n' "$HELP" "All options: once $SCRIPT has made its environment, .venv."
        return
    fi
    use_venv .venv "" requirements.txt
    if _is_under_sudo; then
        export PYTHONDONTWRITEBYTECODE=1 # in the caller's checkout
    fi
    exec "$VENV/bin/python" -P "$ROOT/scripts/lib/cli.py" "$@"
}

# use_venv FOLDER VERSIONS REQUIREMENTS...
# VENV becomes that folder of the checkout, with all that the files of requirements name. VERSIONS
# are those of Python to choose from, the best first; empty for the newest that is supported.
use_venv() {
    local python versions=$2
    VENV=$ROOT/$1
    shift 2
    if _is_ready "$@"; then
        return
    fi
    if _is_under_sudo; then
        _use_venv_as_caller "${VENV##*/}" "$versions" "$@"
        return
    fi
    python=$(find_python "$versions") || exit 1
    # One script at a time makes environments. The lock is on this file, so nothing is left behind
    # by one that was killed, and is held for as long as descriptor 9 is open.
    exec 9<"$ROOT/scripts/lib/setup.sh"
    _lock "$python"
    _is_ready "$@" || _make "$python" "$@"
    exec 9<&-
}

# Whether somebody called sudo whose checkout this is: what is made in it belongs to them.
_is_under_sudo() {
    ((EUID == 0)) && [[ -n ${SUDO_UID:-} && $SUDO_UID != 0 ]] &&
        [[ -n $(find "$ROOT" -maxdepth 0 -user "$SUDO_UID") ]]
}

# _use_venv_as_caller FOLDER VERSIONS REQUIREMENTS...
_use_venv_as_caller() {
    local home
    home=$(getent passwd "$SUDO_UID" | cut -d : -f 6)
    # shellcheck disable=SC2016,SC2153  # for the other shell; SUDO_GID is sudo's
    setpriv --reuid "$SUDO_UID" --regid "$SUDO_GID" --init-groups env HOME="$home" \
        bash -c 'source "$1"; SCRIPT=$2; shift 2; use_venv "$@"' \
        bash "$ROOT/scripts/lib/setup.sh" "$SCRIPT" "$@" || exit 1
}

# find_python VERSIONS
# Prints the path of the first that works, or says why none does and fails.
find_python() {
    local version candidate found flawed="" lacks=""
    for version in ${1:-$SUPPORTED 3}; do
        while IFS= read -r candidate; do
            # A failure is no news: pyenv has shims for versions that it then does not find.
            found=$(_try "$candidate" "$version" 2>/dev/null) || continue
            if [[ $found == /* ]]; then
                printf '%s\n' "$found"
                return
            fi
            flawed=${flawed:-$candidate} lacks=${lacks:-$found}
        done < <(_candidates "$version")
    done
    _say_no_python "$1" "$flawed" "$lacks"
    return 1
}

# _candidates VERSION: the files that may be that Python, the best first.
_candidates() {
    type -aP "python$1" || true
    local base folder folders
    IFS=: read -ra folders <<<"$PATH"
    for folder in "${PYENV_ROOT:-}/shims" "${HOME:-}/.pyenv/shims" "${folders[@]}"; do
        # pyenv's own folder may be known by its shims in PATH alone.
        base=${folder%/shims}
        if [[ $folder == */shims && -d $base/versions ]]; then
            printf '%s\n' "$base/versions/$1".*/bin/"python$1" | sort -rV
        fi
    done
}

# _try PYTHON VERSION: prints its real path, or else the modules that it lacks. Fails if it does not
# start or is another version.
_try() {
    "$1" -I - "$2" "$OLDEST" "$NEEDED_MODULES" <<'PYTHON'
import os
import sys

wanted, oldest, needed = sys.argv[1:]
if wanted != "3" and wanted != "%d.%d" % sys.version_info[:2]:
    sys.exit(1)
if list(sys.version_info[:2]) < [int(part) for part in oldest.split(".")]:
    sys.exit(1)
lacks = []
for module in needed.split():
    try:
        __import__(module)
    except ImportError:
        lacks.append(module)
print(", ".join(lacks) or os.path.realpath(sys.executable))
PYTHON
}

# _say_no_python VERSIONS FLAWED LACKS
_say_no_python() {
    local versions=${1// / or } flawed=$2 lacks=$3
    if [[ -z $flawed ]]; then
        say "Found no Python ${versions:-$OLDEST or later}. Install one, on Debian or Ubuntu with" \
            "'sudo apt-get install python3 python3-venv', elsewhere with 'pyenv install 3.13'."
    elif [[ $lacks == *ensurepip* || $lacks == *venv* ]]; then
        say "$flawed cannot make virtual environments: it lacks $lacks. Install them, on Debian or" \
            "Ubuntu with 'sudo apt-get install ${flawed##*/}-venv', or another Python."
    else
        say "$flawed was built without $lacks. Install another Python, on Debian or Ubuntu with" \
            "'sudo apt-get install python3 python3-venv', elsewhere with 'pyenv install 3.13'."
    fi
}

# What an environment was made for. One that is unlike is made again: its programs hold the path.
_purpose() {
    local file
    printf '%s\n' "$ROOT"
    for file; do
        printf '%s\n' "$(<"$ROOT/$file")"
    done
}

_is_ready() {
    [[ -x $VENV/bin/python && -f $VENV/made-for && $(<"$VENV/made-for") == "$(_purpose "$@")" ]]
}

_lock() {
    "$1" -I - "$SCRIPT" <<'PYTHON' || true # no lock on such a file system: go on without
import fcntl
import sys

try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.stderr.write(sys.argv[1] + ": waiting for another script that is setting up\n")
    fcntl.flock(9, fcntl.LOCK_EX)
PYTHON
}

# _make PYTHON REQUIREMENTS...
_make() {
    local python=$1 name=${VENV##*/} log made_for=""
    shift
    if [[ -x $VENV/bin/python && -f $VENV/made-for ]]; then
        IFS= read -r made_for <"$VENV/made-for" || true
    fi
    if [[ $made_for == "$ROOT" ]]; then
        say "bringing $name up to date with $*"
        rm -- "$VENV/made-for" # if this is interrupted, the next start begins anew
    else
        say "making $name with $("$python" -V): once, half a minute or so"
        rm -rf -- "$VENV"
        log=$("$python" -I -m venv "$VENV" 2>&1) || _give_up "$log" "could not make $VENV"
    fi
    log=$(_pip_install "$@" 2>&1) || _say_pip_failed "$log" "$@"
    _purpose "$@" >"$VENV/made-for"
}

_pip_install() {
    local file arguments=()
    for file; do
        arguments+=(--requirement "$ROOT/$file")
    done
    PIP_USER=0 "$VENV/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
        "${arguments[@]}"
}

# _say_pip_failed LOG REQUIREMENTS...
_say_pip_failed() {
    local log=$1
    shift
    case $log in
        *"connection broken"* | *"ConnectionError"* | *"Max retries exceeded"* | *"timed out"*)
            _give_up "$log" "pip cannot reach the package index. Behind a proxy set https_proxy," \
                "for a mirror PIP_INDEX_URL; then start this again."
            ;;
        *)
            _give_up "$log" "pip could not install $*; its output is above."
            ;;
    esac
}

# _give_up LOG SENTENCE...
_give_up() {
    printf '%s\n' "$1" >&2
    shift
    die "$@"
}
