# Compiler, linker and third-party packages.

if(CMAKE_LINKER_TYPE STREQUAL "LLD" AND CMAKE_VERSION VERSION_LESS 3.29)
  # CMAKE_LINKER_TYPE is understood from 3.29 on; Debian 12 ships 3.25.
  find_program(SINTER_LLD NAMES ld.lld-22 ld.lld)
  if(SINTER_LLD)
    add_link_options(-fuse-ld=lld)
  endif()
endif()

find_program(SINTER_CCACHE ccache)
if(SINTER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # PCH and ccache agree only on these terms: the header is part of the hash, its time is not.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${SINTER_CCACHE})
endif()

if(SINTER_SANITIZE)
  add_compile_options(-fsanitize=${SINTER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SINTER_SANITIZE})
  # The vptr check needs RTTI of classes that live in LLVM's own libraries.
  if(SINTER_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=vptr,function)
  endif()
endif()

# Seen by a project that Sinter is a part of, too: it links them with Sinter.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
find_package(Threads REQUIRED)
if(SINTER_BUILD_TOOLS OR SINTER_BUILD_TESTS)
  find_package(fmt REQUIRED)
endif()
find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
find_program(SINTER_LIT NAMES lit lit-22 HINTS ${LLVM_TOOLS_BINARY_DIR})
