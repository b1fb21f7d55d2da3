-- All rows.
true
