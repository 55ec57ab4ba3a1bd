# lit runs the .mlir files: tests of the IR and of single passes.
import os

import lit.formats
from lit.llvm import llvm_config

config.name = "sinter"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.sinter_binary_dir, "tests")

llvm_config.with_system_environment(["HOME", "TMP", "TEMP", "ASAN_OPTIONS", "UBSAN_OPTIONS"])
llvm_config.use_default_substitutions()
llvm_config.add_tool_substitutions(["sinter-opt"], [config.sinter_tools_dir])
