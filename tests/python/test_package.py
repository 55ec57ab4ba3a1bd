"""The package as it is installed."""

import ctypes
import pathlib

import sinter

FOLDER = pathlib.Path(sinter.__file__).parent


def test_every_public_name_is_in_the_stubs():
    stubs = (FOLDER / "_sinter.pyi").read_text()
    compile(stubs, "_sinter.pyi", "exec")
    assert (FOLDER / "py.typed").exists()
    public = [name for name in vars(sinter._sinter) if not name.startswith("_")]
    missing = [name for name in public if f"\ndef {name}(" not in stubs and f"\nclass {name}" not in stubs]
    assert len(public) > 100 and not missing


def test_what_is_inside_cannot_be_seen_from_outside():
    """Other packages bring an LLVM of their own."""
    module = ctypes.CDLL(sinter._sinter.__file__)
    assert module.PyInit__sinter
    insides = ["_ZN4llvm11raw_ostream5writeEPKcm", "_ZN4mlir11MLIRContextD1Ev"]
    if "libsinter.so" not in pathlib.Path("/proc/self/maps").read_text():  # an installed Sinter shows its own API
        insides.append("_ZNK6sinter6Tensor5dtypeEv")
    for inside in insides:
        assert not hasattr(module, inside)
