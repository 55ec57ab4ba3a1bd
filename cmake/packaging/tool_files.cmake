# The manual page and the completions of the sinter tool, as it prints them itself.

set(SINTER_TOOL_FILES)
# sinter_tool_file(FILE ARGUMENT...): FILE is what `sinter ARGUMENT...` prints.
function(sinter_tool_file file)
  set(path ${CMAKE_CURRENT_BINARY_DIR}/${file})
  add_custom_command(OUTPUT ${path} COMMAND sinter ${ARGN} > ${path} DEPENDS sinter COMMENT "" VERBATIM)
  set(SINTER_TOOL_FILES ${SINTER_TOOL_FILES} ${path} PARENT_SCOPE)
endfunction()

sinter_tool_file(sinter.1 manual)
sinter_tool_file(sinter.bash completion bash)
sinter_tool_file(sinter.zsh completion zsh)
sinter_tool_file(sinter.fish completion fish)
add_custom_target(sinter_tool_files ALL DEPENDS ${SINTER_TOOL_FILES})
