# How the layers of Sinter are declared.

# Warnings every own target is built with. Other projects' compilers may know some that ours does not.
add_library(sinter_warnings INTERFACE)
target_compile_options(sinter_warnings INTERFACE -Wall -Wextra)
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(sinter_warnings INTERFACE -Werror)
endif()

# LLVM and MLIR as one usable target: system includes, definitions and the shared libraries.
add_library(sinter_mlir INTERFACE)
target_include_directories(sinter_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
separate_arguments(SINTER_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
target_compile_options(sinter_mlir INTERFACE ${SINTER_LLVM_DEFINITIONS})
target_link_libraries(sinter_mlir INTERFACE MLIR LLVM)

# sinter_layer(NAME SOURCES ... [DEPENDS ...] [PCH header])
# A static library of one layer. DEPENDS names the layers below that it may use.
function(sinter_layer name)
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} PRIVATE sinter_warnings)
  if(ARG_PCH)
    target_precompile_headers(${name} PRIVATE ${ARG_PCH})
    # Lets ccache hit although the precompiled header's file time changed.
    target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:Clang>:-Xclang -fno-pch-timestamp>)
  endif()
endfunction()
