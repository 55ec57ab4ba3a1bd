# Writes the linker's list of what libsinter.so shows: of the symbols that the layers of the API define (FILES), those of
# namespace sinter and its public namespaces that do not mention other libraries' types.
#   cmake -DNM=nm -DFILES=a.a;b.a -DNODE=NAME -DOUTPUT=exports.map -P export_list.cmake

cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND ${NM} -g --defined-only ${FILES} OUTPUT_VARIABLE table ERROR_VARIABLE problems RESULT_VARIABLE status)
if(status)
  message(FATAL_ERROR "${NM}: ${problems}")
endif()
# As lines, without the characters that lists of CMake would cut at.
string(REPLACE ";" "_" table "${table}")
string(REPLACE "\n" ";" table "${table}")

# Whatever a layer keeps in a namespace of its own is hidden unless it is one of these.
set(public_namespaces aot detail data rt eager)
set(symbols)
foreach(line IN LISTS table)
  # Functions and variables; tables, descriptions and names of classes; guards of static variables.
  if(NOT line MATCHES " [A-Za-z] (_Z(Z?NV?K?[RO]?|TVN|TIN|TSN|TTN|TWN|THN|GVZ?N|GRN)6sinter([0-9A-Za-z_.]*))$")
    continue()
  endif()
  set(symbol ${CMAKE_MATCH_1})
  # The first name within sinter, after its length. A lower-case one that another name follows is a namespace.
  if(CMAKE_MATCH_3 MATCHES "^([0-9]+)([a-z].*)$")
    set(rest ${CMAKE_MATCH_2})
    string(SUBSTRING ${rest} 0 ${CMAKE_MATCH_1} name)
    string(SUBSTRING ${rest} ${CMAKE_MATCH_1} -1 rest)
    if(rest MATCHES "^[0-9]" AND NOT name IN_LIST public_namespaces)
      continue()
    endif()
  endif()
  if(NOT symbol MATCHES "4mlir|4llvm|6google|4onnx|NS[0-9A-Z]*_(2ir|6passes|7codegen|5trace)")
    list(APPEND symbols ${symbol})
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
