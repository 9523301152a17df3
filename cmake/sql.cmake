# sql_embed(TARGET): makes the statement table (db/queries) and the migration table (migrations) part of TARGET. The files
# are generated into the build tree and included as "db/sql.h"; sql_generate.cmake is the generator.
function(sql_embed target)
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(GLOB inputs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/db/queries/*.sql ${CMAKE_SOURCE_DIR}/migrations/*.sql)
  # A header named as a by-product keeps its time when its text is the same, so a change of SQL alone recompiles one file.
  add_custom_command(
    OUTPUT ${out}/db/sql.c ${out}/db/migrations.c
    BYPRODUCTS ${out}/db/sql.h
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUT=${out}/db -P ${CMAKE_SOURCE_DIR}/cmake/sql_generate.cmake
    DEPENDS ${inputs} ${CMAKE_SOURCE_DIR}/cmake/sql_generate.cmake
    COMMENT "Generating the statement and migration tables")
  target_sources(${target} PRIVATE ${out}/db/sql.c ${out}/db/migrations.c)
  target_include_directories(${target} PUBLIC ${out})
endfunction()
