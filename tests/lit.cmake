# The .mlir tests: `check-ir` runs them; ctest knows them as "lit".

find_package(Python3 REQUIRED COMPONENTS Interpreter)
if(NOT SINTER_LIT)
  message(FATAL_ERROR "lit was not found: install llvm-22-tools, or set SINTER_LIT")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/lit.site.cfg.py.in ${CMAKE_CURRENT_BINARY_DIR}/lit.site.cfg.py @ONLY)
add_test(NAME lit COMMAND ${SINTER_LIT} -sv ${CMAKE_CURRENT_BINARY_DIR})
set_tests_properties(lit PROPERTIES LABELS lit ENVIRONMENT "${SINTER_TEST_ENVIRONMENT}")
add_custom_target(check-ir
  COMMAND ${SINTER_LIT} -sv ${CMAKE_CURRENT_BINARY_DIR}
  DEPENDS sinter-opt USES_TERMINAL)
