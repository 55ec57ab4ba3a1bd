# Takes the package as it lies in a build of Sinter with SINTER_PYTHON.

find_package(Python REQUIRED COMPONENTS Interpreter)
set(package ${SINTER_BUILD_DIR}/python/sinter)
execute_process(COMMAND ${Python_EXECUTABLE} -c "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"
                OUTPUT_VARIABLE suffix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT EXISTS ${package}/_sinter${suffix})
  message(FATAL_ERROR "There is no ${package}/_sinter${suffix}: build Sinter there with SINTER_PYTHON=ON, for this version of Python")
endif()
file(GLOB files ${package}/*.py ${package}/*.pyi ${package}/py.typed ${package}/_sinter${suffix})
install(PROGRAMS ${files} DESTINATION sinter)
