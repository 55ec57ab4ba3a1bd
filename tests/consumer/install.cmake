# Installs, and moves the tree, so that nothing finds it where it was installed to; makes the model that it is tried with.

file(REMOVE_RECURSE ${INSTALLED} ${PREFIX})
foreach(command "${CMAKE_COMMAND};--install;${BUILD};--prefix;${INSTALLED};--strip" "${MAKE_MODEL};${MODEL}")
  execute_process(COMMAND ${command} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(RENAME ${INSTALLED} ${PREFIX})
