# Writes the linker's list of what libsinter.so shows: of the symbols that the layers of the API define (FILES), those of
# namespace sinter that neither belong to its internal namespaces nor mention other libraries' types.
#   cmake -DNM=nm -DFILES=a.a;b.a -DNODE=NAME -DOUTPUT=exports.map -P export_list.cmake

execute_process(COMMAND ${NM} -g --defined-only ${FILES} OUTPUT_VARIABLE table ERROR_VARIABLE problems RESULT_VARIABLE status)
if(status)
  message(FATAL_ERROR "${NM}: ${problems}")
endif()
# As lines, without the characters that lists of CMake would cut at.
string(REPLACE ";" "_" table "${table}")
string(REPLACE "\n" ";" table "${table}")

set(symbols)
foreach(line IN LISTS table)
  # Functions and variables; tables, descriptions and names of classes; guards of static variables.
  if(line MATCHES " [A-Za-z] (_Z(N|NK|TVN|TIN|TSN|TTN|GVN|GVZN|ZN|ZNK|GRN)6sinter[0-9A-Za-z_.]*)$")
    set(symbol ${CMAKE_MATCH_1})
    if(NOT symbol MATCHES "(6sinter|NS[0-9A-Z]*_)(2ir|6passes|7codegen|5trace|8autodiff|7drawing|11onnx_import)|4mlir|4llvm|6google|4onnx")
      list(APPEND symbols ${symbol})
    endif()
  endif()
endforeach()
list(LENGTH symbols count)
if(count LESS 200)
  message(FATAL_ERROR "only ${count} symbols of the public API found: looking in the wrong place?")
endif()
list(SORT symbols)
list(REMOVE_DUPLICATES symbols)
list(JOIN symbols ";\n    " listed)
file(WRITE ${OUTPUT} "${NODE} {\n  global:\n    ${listed};\n  local:\n    *;\n};\n")
