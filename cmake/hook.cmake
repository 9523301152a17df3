# reeve-hook: one static program, as it is shipped in every preset: it runs among the files of an image that nobody trusts,
# and brings along all it needs.
set(hook_sources agents/node/main_reeve_hook.c lib/json/pull.c lib/base/arena.c lib/base/buf.c lib/base/clock.c
  lib/base/err.c lib/base/heap.c lib/base/id.c lib/base/str.c)
add_executable(reeve-hook ${hook_sources})
target_include_directories(reeve-hook PRIVATE ${CMAKE_BINARY_DIR}/rooms/base ${CMAKE_BINARY_DIR}/rooms/json
  ${CMAKE_BINARY_DIR}/rooms/facts)
target_compile_options(reeve-hook PRIVATE -O2 -fno-sanitize=all)
target_link_options(reeve-hook PRIVATE -static -fno-sanitize=all -no-pie)
