# Language, warnings, hardening and sanitizers, the same for every target.
#
# REEVE_SANITIZE=ON   AddressSanitizer and UndefinedBehaviorSanitizer (what ./dev test builds)
# REEVE_FUZZ=ON       libFuzzer targets, needs clang
# REEVE_ANALYZE=ON    gcc -fanalyzer on the rooms that ask for it
option(REEVE_SANITIZE "Build with ASan and UBSan" OFF)
option(REEVE_FUZZ "Build the fuzz targets (clang)" OFF)
option(REEVE_ANALYZE "Run gcc -fanalyzer" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

# Release keeps asserts: they guard the books.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")

add_compile_options(
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
  -fno-strict-aliasing -fno-omit-frame-pointer -ffp-contract=off)
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
  add_compile_options(-Wimplicit-fallthrough=5)
endif()
add_compile_definitions(_GNU_SOURCE REEVE_VERSION="${PROJECT_VERSION}")

if(REEVE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
else()
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection=full -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
if(REEVE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(REEVE_ANALYZE)
  add_compile_options(-fanalyzer)
endif()
