# What a container is given, in three forms of the same objects (agents/shim/README.md). They are built as they are shipped in
# every preset, without sanitizers: they go into programs that have none. The room `shim`, a static library, is what unit
# tests link, with them.
#
#   reeve-shim        libreeve-shim.so: loaded before the program's libraries
#   reeve-shim-cuda   libreeve-shim-cuda.so: takes the place of libcuda.so.1
#   reeve-shim-nvml   libreeve-shim-nvml.so: takes the place of libnvidia-ml.so.1
set(shim_folder ${CMAKE_SOURCE_DIR}/agents/shim)
set(shim_options -O2 -fomit-frame-pointer -fno-stack-protector -fstack-protector -fno-sanitize=all -fvisibility=hidden
  -fno-semantic-interposition -fno-plt
  -fno-tree-slp-vectorize) # halves of a word are put together where they are, not by way of a vector's register
set(shim_link_options -O2 -fno-sanitize=all -Wl,-z,defs -Wl,-z,nodelete -Wl,-Bsymbolic)

function(shim_objects name)
  file(GLOB sources CONFIGURE_DEPENDS ${shim_folder}/*.c)
  add_library(${name} OBJECT ${sources})
  target_include_directories(${name} PUBLIC ${CMAKE_BINARY_DIR}/rooms/shim)
  # Optimised as one: a call that crosses five small files is still one piece of code. Not so what is assembly.
  target_compile_options(${name} PRIVATE ${shim_options} -flto ${shim_sanitize})
  set_source_files_properties(${shim_folder}/entry.c PROPERTIES COMPILE_OPTIONS -fno-lto)
  target_compile_definitions(${name} PRIVATE ${ARGN})
endfunction()

function(shim_library name form objects soname)
  add_library(${name} SHARED ${shim_folder}/form/${form}.c $<TARGET_OBJECTS:${objects}>)
  target_include_directories(${name} PRIVATE ${CMAKE_BINARY_DIR}/rooms/shim)
  target_compile_options(${name} PRIVATE ${shim_options})
  target_link_options(${name} PRIVATE ${shim_link_options} -flto -flto-partition=one ${shim_sanitize} -Wl,--version-script=${shim_folder}/form/${form}.map)
  set_target_properties(${name} PROPERTIES NO_SONAME ON LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib
    LINK_DEPENDS ${shim_folder}/form/${form}.map)
  target_link_options(${name} PRIVATE -Wl,-soname,${soname})
endfunction()

# shim_forms(PREFIX [DEFINITION]): the three libraries, for instance with another place to look for limits
function(shim_forms prefix)
  shim_objects(${prefix}-objects ${ARGN})
  shim_library(${prefix} preload ${prefix}-objects lib${prefix}.so)
  shim_library(${prefix}-cuda cuda ${prefix}-objects libcuda.so.1)
  shim_library(${prefix}-nvml nvml ${prefix}-objects libnvidia-ml.so.1)
endfunction()

# shim_sanitized(PREFIX OPTION): the form that takes libcuda's name, with sanitizers, for programs that are built with them too
function(shim_sanitized prefix)
  set(shim_sanitize -O1 -fno-lto -fno-omit-frame-pointer ${ARGN})
  shim_objects(${prefix}-objects)
  shim_library(${prefix}-cuda cuda ${prefix}-objects libcuda.so.1)
endfunction()

shim_forms(reeve-shim)
