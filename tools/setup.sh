#!/usr/bin/env bash
# What the Makefile needs from the machine: setup.sh venv|install|vendor|browser|libraries|next.
# Quiet when all goes well; a command's own output is shown when it fails.
# VENV is the virtual environment; PYTHON, if set, the interpreter to make it with.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$VENV/bin/python

say() { echo "setup: $*" >&2; }

fail() { say "$*"; exit 1; }

quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  [ "$status" -eq 0 ] || { cat "$log"; say "failed ($status): $*"; } >&2
  rm -f "$log"
  return "$status"
}

apt_install() {
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || return 1
  say "installing $* with apt-get"
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get update && quietly apt-get install -y --no-install-recommends "$@"
}

suitable_python() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null
}

venv() {
  local candidate chosen=
  for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3 python; do
    if suitable_python "$candidate"; then
      chosen=$candidate
      break
    fi
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not a Python 3.11 or 3.12."
  done
  [ -n "$chosen" ] || fail "Python 3.11 or 3.12 is needed, and found is $(python3 --version 2>&1 ||
    true). Install one (on 3.13 is \`make test-next\`), or name it: make PYTHON=/path/to/python3.11"
  # Debian and Ubuntu package the standard library's venv apart.
  if ! "$chosen" -c 'import ensurepip' 2>/dev/null; then
    local package
    package=$("$chosen" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    apt_install "$package" || fail "$chosen cannot make virtual environments: apt install $package"
  fi
  quietly "$chosen" -m venv --clear "$VENV"
}

install() {
  say "installing Python packages into $VENV (3 GB, some minutes the first time)"
  # Nothing is installed whose hash is not known; of a folder, which is what we are, pip has none.
  quietly "$python" -m pip install --require-hashes --no-deps -r requirements.txt
  quietly "$python" -m pip install --no-deps --no-build-isolation -e .
  quietly "$python" -m pip check
}

# A new environment with the wheel, as a user of Python 3.13 installs it, and what tests it.
next() {
  local folder=$VENV-next candidate chosen=
  for candidate in ${NEXT_PYTHON:+"$NEXT_PYTHON"} python3.13 ~/.pyenv/versions/3.13.*/bin/python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
      chosen=$candidate
      break
    fi
  done
  [ -n "$chosen" ] || fail "Python 3.13 is needed. Install it, or name it: make NEXT_PYTHON=/path/to/python3.13"
  say "installing the wheel and Python packages into $folder (3 GB, a minute or more)"
  rm -rf build/next
  quietly "$python" -m build --wheel --no-isolation --outdir build/next
  quietly "$chosen" -m venv --clear "$folder"
  local wheel
  wheel=$(echo build/next/*.whl)
  quietly "$folder/bin/python" -m pip install --only-binary :all: -c constraints-next.txt \
    "$wheel[all,test]"
  quietly "$folder/bin/python" -m pip check
}

recent_node() {
  command -v npm >/dev/null && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 20 || (major === 20 && minor >= 11) ? 0 : 1);' 2>/dev/null
}

vendor() {
  if ! recent_node; then
    say "no Node 20.11 or newer: taking the one that Python packages bring"
    quietly "$python" -m pip install --require-hashes --no-deps -r tools/node.txt
    PATH=$(cd "$VENV/bin" && pwd):$PATH
    recent_node || fail "the packaged Node does not run here. Install Node 20.11 or newer."
  fi
  say "building web_demo/vendor/"
  cd web_demo
  quietly npm ci
  quietly npm run build
}

has_browser() {
  "$python" -c 'from edge_deploy.web.browser import find_browser; find_browser()' 2>/dev/null
}

browser() {
  has_browser && return
  # Ubuntu has Chromium as a snap only, which needs a running snapd; Playwright's serves there.
  if grep -qs '^ID=debian' /etc/os-release; then
    # The shell has no windows: the tests take two thirds of the time with it.
    apt_install chromium-headless-shell || apt_install chromium || true
    has_browser && return
  fi
  say "installing Chromium with Playwright"
  local with_deps=
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then with_deps=--with-deps; fi
  quietly "$python" -m playwright install $with_deps chromium || true
  has_browser || fail "no browser could be installed. Install Chromium, Chrome or Edge and try again."
}

# MediaPipe, which reads our files in a test, links these even where it draws nothing.
libraries() {
  local have
  web_server
  git lfs version >/dev/null 2>&1 || apt_install git-lfs ||
    say "the LFS test needs git-lfs: apt install git-lfs"
  have=$(ldconfig -p 2>/dev/null || true)
  case "$have" in *libGLESv2.so.2*) case "$have" in *libEGL.so.1*) return ;; esac ;; esac
  apt_install libgles2 libegl1 || say "the MediaPipe test needs libGLESv2 and libEGL: apt install" \
    "libgles2 libegl1"
}

# The real nginx serves a site in a test. Unpacked, not installed: that would start it on port 80.
web_server() {
  local folder
  folder=$(cd "$VENV" && pwd)/nginx
  if command -v nginx >/dev/null || [ -x "$folder/usr/sbin/nginx" ]; then return; fi
  say "unpacking nginx into $folder"
  mkdir -p "$folder"
  if unpack_nginx "$folder"; then return; fi
  if [ "$(id -u)" -eq 0 ] && quietly apt-get update && unpack_nginx "$folder"; then return; fi
  say "the nginx test needs nginx, which apt-get did not bring: install it"
}

unpack_nginx() {
  local package
  for package in nginx nginx-core; do
    # Debian has the program in the first, older Ubuntus in the second.
    (cd "$1" && apt-get download "$package" && dpkg -x "$package"_*.deb .) >/dev/null 2>&1 || true
    [ ! -x "$1/usr/sbin/nginx" ] || return 0
  done
  return 1
}

case "${1:-}" in
  venv | install | vendor | browser | libraries | next) "$1" ;;
  *) fail "usage: VENV=FOLDER tools/setup.sh venv|install|vendor|browser|libraries|next" ;;
esac
