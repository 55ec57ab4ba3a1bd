# sinter_compile_model(TARGET MODEL
#   [STATIC]                     an archive instead of a shared library
#   [NAME name]                  what functions of the library start with, and its header is called (default: TARGET)
#   [TARGET cpu]                 native, x86-64-v2, x86-64-v3, x86-64-v4 or aarch64 (default: native)
#   [MULTIVERSION]               code for several levels of the processor, chosen when the program starts
#   [SHAPES input=1x3x224x224 ...]   what the model leaves open
#   [DYNAMIC [input=]dim:low..high ...]
#   [THREADS n] [WEIGHTS embedded|separate]
#   [DEPENDS file ...]           files beside the model that it refers to
#   [OPTIONS option ...])        further options of `sinter compile`
# Makes libNAME of an ONNX model, and NAME.h beside it, when the project is built: TARGET is a library to link, which
# brings the folder of its header. It is made anew when the model or the tool changes.
# The tool is the target sinter::tool, or the program that SINTER_TOOL names (one that runs here, if this is a cross build).

function(sinter_compile_model target model)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "STATIC;MULTIVERSION" "NAME;TARGET;THREADS;WEIGHTS" "SHAPES;DYNAMIC;DEPENDS;OPTIONS")
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "sinter_compile_model(${target}): does not know ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(ARG_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "sinter_compile_model(${target}): no value for ${ARG_KEYWORDS_MISSING_VALUES}")
  endif()
  if(SINTER_TOOL)
    set(tool ${SINTER_TOOL})
  elseif(TARGET sinter::tool)
    set(tool sinter::tool)
  else()
    message(FATAL_ERROR "sinter_compile_model(${target}): there is no sinter tool; install it, set SINTER_BUILD_TOOLS where Sinter "
                        "is a part of the project, or let SINTER_TOOL name it")
  endif()
  get_filename_component(model "${model}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  if(NOT ARG_NAME)
    set(ARG_NAME ${target})
  endif()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}_model")
  if(ARG_STATIC)
    set(kind STATIC)
    set(library "${folder}/lib${ARG_NAME}.a")
  else()
    set(kind SHARED)
    set(library "${folder}/lib${ARG_NAME}.so")
  endif()
  set(header "${folder}/${ARG_NAME}.h")
  file(MAKE_DIRECTORY "${folder}")

  set(options --name ${ARG_NAME})
  foreach(option TARGET THREADS WEIGHTS)
    if(DEFINED ARG_${option})
      string(TOLOWER ${option} name)
      list(APPEND options --${name} ${ARG_${option}})
    endif()
  endforeach()
  if(ARG_MULTIVERSION)
    list(APPEND options --multiversion)
  endif()
  foreach(shape IN LISTS ARG_SHAPES)
    list(APPEND options --shape ${shape})
  endforeach()
  foreach(dimension IN LISTS ARG_DYNAMIC)
    list(APPEND options --dynamic ${dimension})
  endforeach()

  set(outputs "${library}" "${header}")
  if(ARG_WEIGHTS STREQUAL "separate")
    list(APPEND outputs "${folder}/${ARG_NAME}.weights")
  endif()
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${tool} compile "${model}" -o "${library}" ${options} ${ARG_OPTIONS}
    DEPENDS "${model}" ${ARG_DEPENDS} ${tool}
    COMMENT "Compiling ${model}"
    VERBATIM)
  add_custom_target(${target}_files DEPENDS ${outputs})

  add_library(${target} ${kind} IMPORTED GLOBAL)
  add_dependencies(${target} ${target}_files)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION "${library}"
    # Programs look for the library by its name, wherever it is installed.
    IMPORTED_NO_SONAME ON
    INTERFACE_INCLUDE_DIRECTORIES "${folder}")
  if(ARG_STATIC)
    find_package(Threads REQUIRED)
    set_target_properties(${target} PROPERTIES
      IMPORTED_LINK_INTERFACE_LANGUAGES C INTERFACE_LINK_LIBRARIES "Threads::Threads;m")
  endif()
endfunction()
