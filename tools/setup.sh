#!/usr/bin/env bash
# Installs what Sinter needs on Debian 12. Safe to run again: installs only what is missing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

packages=(
  # the compiler, the build and its cache
  clang-22 clang-format-22 lld-22 cmake ninja-build ccache
  # LLVM and MLIR 22.1; mlir-tblgen; lit and FileCheck; the sanitizers' runtime
  llvm-22-dev libmlir-22-dev mlir-22-tools llvm-22-tools libclang-rt-22-dev
  # what LLVM's own CMake files ask for
  libzstd-dev zlib1g-dev
  # matrix products of the eager tier; text; ONNX's messages; images; the command line
  libopenblas-dev libfmt-dev libprotobuf-dev protobuf-compiler libonnx-dev libstb-dev libcli11-dev
  # tests, drawings, the demo's download
  libgtest-dev libgmock-dev graphviz python3 python3-pip ca-certificates
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "set-up: everything is installed"
  exit 0
fi

root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "set-up: run this as root, or install sudo; missing packages: ${missing[*]}" >&2
    exit 1
  fi
  root=(sudo)
  sudo -v
fi
apt() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 \
    -o Dpkg::Use-Pty=0 "$@"
}

step "set-up: refresh package lists" apt update
if ! apt-cache show llvm-22-dev >/dev/null 2>&1; then
  # LLVM 22 reaches Debian 12 through its security suite, which minimal installations may lack.
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security bookworm-security main" |
    "${root[@]}" tee /etc/apt/sources.list.d/sinter-bookworm-security.list >/dev/null
  step "set-up: refresh package lists with bookworm-security" apt update
fi
step "set-up: install ${#missing[@]} packages" apt install --no-install-recommends "${missing[@]}"
