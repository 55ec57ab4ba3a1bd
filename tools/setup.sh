#!/usr/bin/env bash
# Installs what Sinter needs on Debian 12. Safe to run again: installs only what is missing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

packages=(
  # the compiler, the build and its cache; the linker as a library, for ahead-of-time models
  clang-22 clang-format-22 lld-22 liblld-22-dev cmake ninja-build ccache
  # the part of ahead-of-time models that is the same in all, for aarch64; running it here
  libstdc++-12-dev-arm64-cross qemu-user
  # LLVM and MLIR 22.1; mlir-tblgen; lit and FileCheck; the sanitizers' runtime
  llvm-22-dev libmlir-22-dev mlir-22-tools llvm-22-tools libclang-rt-22-dev
  # what LLVM's own CMake files ask for
  libzstd-dev zlib1g-dev
  # matrix products of the eager tier; text; ONNX's messages; images; the command line
  libopenblas-dev libfmt-dev libprotobuf-dev protobuf-compiler libonnx-dev libstb-dev libcli11-dev
  # tests, drawings, the demo's download
  libgtest-dev libgmock-dev graphviz python3 python3-dev python3-pip ca-certificates pkg-config
  # packages, and programs built against an installed Sinter
  dpkg-dev file g++
)
# What builds and tests the Python package, what exported files are checked with, and the compiler of CUDA kernels: an
# environment in build/python.
wheels=(nanobind==3.1.0 scikit-build-core==1.1.2 pytest==9.2.0 numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1 safetensors==0.8.0
  nvidia-cuda-nvrtc==13.0.88)

install_packages() {
  local missing=("$@") root=()
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
}

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"

# install_wheels FOLDER WHEEL...: a Python environment with just these and what they need.
install_wheels() {
  local folder=$1
  shift
  [ "$(cat "$folder/installed" 2>/dev/null)" != "$*" ] || return 0
  # The system's pip fills it: Debian's Python cannot put one of its own there without further packages.
  [ -x "$folder/bin/python" ] || step "set-up: Python environment" python3 -m venv --without-pip "$folder"
  step "set-up: Python packages" python3 -m pip --python "$folder/bin/python" --disable-pip-version-check install \
    --only-binary :all: "$@"
  echo "$*" >"$folder/installed"
}
install_wheels "$SINTER_ROOT/build/python" "${wheels[@]}"
echo "set-up: everything is installed"
