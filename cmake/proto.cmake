# proto_embed(ROOM FOLDER path): C for every .proto of a folder, made by protoc-c into the build folder. The room includes
# it as "proto/NAME.pb-c.h"; other people's code is not held to our warnings.
find_program(PROTOC_C protoc-c REQUIRED)

function(proto_embed room)
  cmake_parse_arguments(PROTO "" "FOLDER" "" ${ARGN})
  set(view ${CMAKE_BINARY_DIR}/rooms/proto_${room})
  set(out ${view}/proto)
  file(MAKE_DIRECTORY ${out})
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${PROTO_FOLDER}/*.proto)
  foreach(file ${files})
    get_filename_component(name ${file} NAME_WE)
    set(made ${out}/${name}.pb-c.c ${out}/${name}.pb-c.h)
    add_custom_command(OUTPUT ${made} DEPENDS ${file} VERBATIM
      COMMAND ${PROTOC_C} --c_out=${out} -I${CMAKE_SOURCE_DIR}/${PROTO_FOLDER} ${file})
    list(APPEND sources ${made})
  endforeach()
  set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS -w)
  target_sources(${room} PRIVATE ${sources})
  target_include_directories(${room} SYSTEM PUBLIC ${view})
endfunction()
