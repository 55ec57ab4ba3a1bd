# Size and start-up time of what is shipped, told whenever it was linked anew.

set(report_stamp ${CMAKE_CURRENT_BINARY_DIR}/report.stamp)
set(reported $<TARGET_FILE:sinter_shared>)
if(TARGET sinter)
  list(APPEND reported $<TARGET_FILE:sinter>)
endif()
add_custom_command(
  OUTPUT ${report_stamp}
  COMMAND ${PROJECT_SOURCE_DIR}/tools/report_size.sh ${CMAKE_STRIP} ${reported}
  COMMAND ${CMAKE_COMMAND} -E touch ${report_stamp}
  DEPENDS ${reported} ${PROJECT_SOURCE_DIR}/tools/report_size.sh
  COMMENT "Size and start-up time" VERBATIM)
add_custom_target(sinter_report ALL DEPENDS ${report_stamp})
