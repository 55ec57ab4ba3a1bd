#!/usr/bin/env bash
# Sets up, builds, and reads the text in a photograph with a trained model, then shows what fusion is worth on it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
cd "$SINTER_ROOT"

tools/setup.sh
build release sinter read_text trace_function

tools/fetch_ocr.sh build/models
model=build/models/ppocr_rec.onnx

echo
echo "The text in docs/examples/line.jpg:"
echo
build/release/bin/read_text "$model" docs/examples/line.jpg | sed 's/^/    /'
echo
echo "Fused kernels against one kernel per operation:"
echo
build/release/bin/sinter bench "$model" --shape 1x3x48x1120 --runs 10
