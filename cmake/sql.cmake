# sql_embed(TARGET): placeholder until the statement table generator lands beside it (db room).
function(sql_embed target)
endfunction()
