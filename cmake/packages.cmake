# The libraries we stand on; docs/dependencies.md says why each.
find_package(PkgConfig REQUIRED)
pkg_check_modules(event REQUIRED IMPORTED_TARGET libevent libevent_openssl)
pkg_check_modules(ssl REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(cjose REQUIRED IMPORTED_TARGET cjose)
pkg_check_modules(pq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(criterion IMPORTED_TARGET criterion)
