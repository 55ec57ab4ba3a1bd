# What goes where. Three components, as three packages: the library; what programs are built with; the tools.

set(SINTER_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/sinter)
set(library_component COMPONENT library)
set(development_component COMPONENT development)
set(tools_component COMPONENT tools)

install(TARGETS sinter_shared EXPORT sinterTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ${library_component} NAMELINK_COMPONENT development)
set_target_properties(sinter_runtime PROPERTIES EXPORT_NAME runtime)
install(TARGETS sinter_runtime EXPORT sinterTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} ${development_component})
install(EXPORT sinterTargets NAMESPACE sinter:: DESTINATION ${SINTER_CMAKE_DIR} ${development_component})
foreach(layer frontend runtime)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${layer}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${development_component}
          FILES_MATCHING PATTERN "*.h")
endforeach()

configure_package_config_file(sinterConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/sinterConfig.cmake
  INSTALL_DESTINATION ${SINTER_CMAKE_DIR} NO_SET_AND_CHECK_MACRO)
# Before 1.0, a version promises nothing to programs written for another.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/sinterConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sinterConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/sinterConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/SinterCompileModel.cmake
        DESTINATION ${SINTER_CMAKE_DIR} ${development_component})

# Where the tree lies is found out from where this file lies, so that the tree can be moved.
file(RELATIVE_PATH SINTER_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(sinter.pc.in ${CMAKE_CURRENT_BINARY_DIR}/sinter.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sinter.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig ${development_component})

if(TARGET sinter)
  set_target_properties(sinter PROPERTIES EXPORT_NAME tool)
  install(TARGETS sinter EXPORT sinterTools RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} ${tools_component})
  install(TARGETS sinter-opt RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} ${tools_component})
  install(EXPORT sinterTools NAMESPACE sinter:: DESTINATION ${SINTER_CMAKE_DIR} ${tools_component})
  # What sinter bench --against runs.
  install(FILES ${PROJECT_SOURCE_DIR}/tools/bench_peer.py DESTINATION ${CMAKE_INSTALL_DATADIR}/sinter/tools ${tools_component})
  set(made ${CMAKE_CURRENT_BINARY_DIR})
  install(FILES ${made}/sinter.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 ${tools_component})
  install(FILES ${made}/sinter.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME sinter ${tools_component})
  install(FILES ${made}/sinter.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions RENAME _sinter ${tools_component})
  install(FILES ${made}/sinter.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d ${tools_component})
endif()

install(FILES ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} ${development_component})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR} ${development_component})
# The licence goes with each package, by the name that Debian gives it.
foreach(package libsinter${PROJECT_VERSION_MAJOR}:library libsinter-dev:development sinter:tools)
  string(REPLACE ":" ";COMPONENT;" package ${package})
  list(POP_FRONT package name)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} RENAME copyright ${package})
endforeach()
