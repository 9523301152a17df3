# room(NAME FOLDER path [NEEDS rooms...] [LIBS targets...])
#
# One static library per folder. Headers are included as "NAME/file.h" through a private include folder that holds one
# symbolic link, so that a room sees exactly the rooms it NEEDS. api/*.def are facts that every room may read.
function(room name)
  cmake_parse_arguments(ROOM "" "FOLDER" "NEEDS;LIBS" ${ARGN})
  set(view ${CMAKE_BINARY_DIR}/rooms/${name})
  file(MAKE_DIRECTORY ${view})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${ROOM_FOLDER} ${view}/${name} SYMBOLIC)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${ROOM_FOLDER}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main_[a-z_]+\\.c$")
  if(NOT sources)
    file(WRITE ${view}/empty.c "typedef int room_is_empty;\n")
    set(sources ${view}/empty.c)
  endif()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${view} ${CMAKE_BINARY_DIR}/rooms/facts)
  target_link_libraries(${name} PUBLIC ${ROOM_NEEDS} ${ROOM_LIBS})
endfunction()

set(facts ${CMAKE_BINARY_DIR}/rooms/facts)
file(MAKE_DIRECTORY ${facts})
file(GLOB defs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/api/*.def)
foreach(def ${defs})
  get_filename_component(file ${def} NAME)
  file(CREATE_LINK ${def} ${facts}/${file} SYMBOLIC)
endforeach()

# program(NAME): an executable from main_<name>.c (dashes become underscores) wherever a room keeps it; absent: nothing.
function(program name)
  string(REPLACE "-" "_" word ${name})
  file(GLOB_RECURSE main CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/server/main_${word}.c
       ${CMAKE_SOURCE_DIR}/agents/main_${word}.c ${CMAKE_SOURCE_DIR}/cli/main_${word}.c)
  if(main)
    string(REGEX REPLACE "^${CMAKE_SOURCE_DIR}/([a-z]+)/.*$" "\\1" room ${main})
    add_executable(${name} ${main})
    target_link_libraries(${name} PRIVATE ${room})
  endif()
endfunction()
