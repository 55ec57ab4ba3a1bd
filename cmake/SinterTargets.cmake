# How the layers of Sinter are declared.

# Warnings every own target is built with. Other projects' compilers may know some that ours does not.
add_library(sinter_warnings INTERFACE)
target_compile_options(sinter_warnings INTERFACE -Wall -Wextra)
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(sinter_warnings INTERFACE -Werror)
endif()

# LLVM and MLIR as one usable target: system includes, definitions and libraries. Those are the shared ones, which link
# fast; a program whose property SINTER_STATIC_LLVM is set gets the archives, for it starts sooner: relocating the shared
# libraries takes 50 ms and 60 MB, whatever is used of them.
add_library(sinter_mlir INTERFACE)
target_include_directories(sinter_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
separate_arguments(SINTER_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
target_compile_options(sinter_mlir INTERFACE ${SINTER_LLVM_DEFINITIONS})
target_link_libraries(sinter_mlir INTERFACE
  "$<IF:$<BOOL:$<TARGET_PROPERTY:SINTER_STATIC_LLVM>>,sinter_mlir_archives,MLIR>"
  "$<$<NOT:$<BOOL:$<TARGET_PROPERTY:SINTER_STATIC_LLVM>>>:LLVM>")

# MLIR's archives name LLVM's shared library as what they need: they are linked as files, and take what they need from
# LLVM's archives beside them.
set(SINTER_MLIR_ARCHIVES)
foreach(target IN LISTS MLIR_EXPORTED_TARGETS)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "STATIC_LIBRARY" AND NOT target MATCHES "^MLIR(CAPI|Test)|TestPasses$")
    list(APPEND SINTER_MLIR_ARCHIVES "$<TARGET_FILE:${target}>")
  endif()
endforeach()
llvm_map_components_to_libnames(SINTER_LLVM_ARCHIVES core support passes orcjit jitlink x86asmparser x86codegen x86desc x86info aarch64asmparser aarch64codegen aarch64desc aarch64info targetparser objcopy option cgdata plugins)
add_library(sinter_mlir_archives INTERFACE)
target_link_libraries(sinter_mlir_archives INTERFACE
  -Wl,--start-group ${SINTER_MLIR_ARCHIVES} $<TARGET_FILE:LLVMLTO> $<TARGET_FILE:LLVMDTLTO> -Wl,--end-group ${SINTER_LLVM_ARCHIVES})
# LLVM's tables hold a hundred thousand addresses, which start-up relocates: packed, they take kilobytes, not megabytes.
target_link_options(sinter_mlir_archives INTERFACE -Wl,--gc-sections -Wl,--as-needed -Wl,-z,pack-relative-relocs
  -Wl,--defsym=_Z18getPollyPluginInfov=LLVMInitializeX86TargetInfo) # a pass of link-time optimisation, which is not done
# The linker initialises every target that LLVM knows, for the sake of link-time optimisation. Those that Sinter does not
# generate code for need not be there: their initialisers become one that is harmless to call again.
foreach(target IN LISTS LLVM_TARGETS_TO_BUILD)
  if(NOT target MATCHES "^(X86|AArch64)$")
    foreach(kind TargetInfo Target TargetMC AsmPrinter AsmParser)
      target_link_options(sinter_mlir_archives INTERFACE
        -Wl,--defsym=LLVMInitialize${target}${kind}=LLVMInitializeX86TargetInfo)
    endforeach()
  endif()
endforeach()

# LLVM's linker, which comes as archives only; they take LLVM from where all else does.
find_library(SINTER_LLD_ELF lldELF HINTS ${LLVM_LIBRARY_DIRS} REQUIRED)
find_library(SINTER_LLD_COMMON lldCommon HINTS ${LLVM_LIBRARY_DIRS} REQUIRED)
add_library(sinter_lld INTERFACE)
target_link_libraries(sinter_lld INTERFACE ${SINTER_LLD_ELF} ${SINTER_LLD_COMMON} sinter_mlir ZLIB::ZLIB zstd)

# sinter_layer(NAME SOURCES ... [DEPENDS ...] [PCH header])
# A static library of one layer. DEPENDS names the layers below that it may use. What frontend/ and runtime/ declare so
# is in libsinter.so as well.
function(sinter_layer name)
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} PRIVATE $<BUILD_INTERFACE:sinter_warnings>)
  set_property(GLOBAL APPEND PROPERTY SINTER_LAYERS ${name})
  if(ARG_PCH)
    target_precompile_headers(${name} PRIVATE ${ARG_PCH})
    # Lets ccache hit although the precompiled header's file time changed.
    target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:Clang>:-Xclang -fno-pch-timestamp>)
  endif()
endfunction()
