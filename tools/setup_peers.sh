#!/usr/bin/env bash
# Installs the inference engines that `sinter bench --against` measures, in a Python environment of their own.
#   tools/setup_peers.sh [DIR]     (build/peers by default)
# Neither building nor testing Sinter needs them. Safe to run again.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

folder=${1:-$SINTER_ROOT/build/peers}
engines=(numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1 openvino==2026.4.1)
torch=(torch==2.15.0)

if ! python3 -m pip --version >/dev/null 2>&1; then
  echo "set-up of other engines: python3 has no pip; run tools/setup.sh" >&2
  exit 1
fi
# The system's pip fills the environment: Debian's Python cannot put one of its own there without further packages.
[ -x "$folder/bin/python" ] || step "other engines: environment" python3 -m venv --without-pip "$folder"
install() {
  python3 -m pip --python "$folder/bin/python" --disable-pip-version-check install --only-binary :all: "$@"
}
step "other engines: ${engines[*]}" install "${engines[@]}"
# Gigabytes, since PyPI's wheels for Linux bring what a GPU needs as well.
step "other engines: ${torch[*]}" install "${torch[@]}" ||
  echo "other engines: without PyTorch; --against torch will say so" >&2
echo "other engines: $folder/bin/python"
