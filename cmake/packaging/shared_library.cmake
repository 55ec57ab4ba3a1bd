# libsinter.so: the public API and, inside, the compiler with LLVM and MLIR. Nothing of what is inside can be seen from outside, so
# that a program may have an LLVM of its own beside it. The C++ library is shared: Error is thrown from one side and caught
# on the other, and strings and vectors change hands. So is protobuf, whose archives in Debian are not made for a library.

# All that frontend/ and runtime/ define is linked, whoever uses it; of the layers between, what they need.
get_property(layers GLOBAL PROPERTY SINTER_LAYERS)
set(SINTER_API_LAYERS)
set(api_objects)
set(api_files)
foreach(layer IN LISTS layers)
  get_target_property(folder ${layer} SOURCE_DIR)
  if(folder MATCHES "^${PROJECT_SOURCE_DIR}/(frontend|runtime)(/|$)")
    list(APPEND SINTER_API_LAYERS ${layer})
    list(APPEND api_objects $<TARGET_OBJECTS:${layer}>)
    list(APPEND api_files $<TARGET_FILE:${layer}>)
  endif()
endforeach()

set(exports ${CMAKE_CURRENT_BINARY_DIR}/exports.map)
set(version_node SINTER_${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
add_custom_command(
  OUTPUT ${exports}
  COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DOUTPUT=${exports} -DNODE=${version_node} "-DFILES=${api_files}"
          -P ${CMAKE_CURRENT_SOURCE_DIR}/export_list.cmake
  DEPENDS ${SINTER_API_LAYERS} export_list.cmake
  COMMENT "Listing the symbols of the public API"
  VERBATIM)
add_custom_target(sinter_exports DEPENDS ${exports})

add_library(sinter_shared SHARED ${api_objects})
add_dependencies(sinter_shared sinter_exports)
set_target_properties(sinter_shared PROPERTIES
  OUTPUT_NAME sinter EXPORT_NAME sinter LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  SINTER_STATIC_LLVM ON
  LINK_DEPENDS ${exports})
target_link_libraries(sinter_shared PRIVATE ${SINTER_API_LAYERS})
target_link_options(sinter_shared PRIVATE
  LINKER:--exclude-libs,ALL LINKER:--version-script=${exports} LINKER:-z,defs)
target_compile_features(sinter_shared INTERFACE cxx_std_20)
target_include_directories(sinter_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
