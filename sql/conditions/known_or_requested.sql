-- The data set of a requested name: a name that the catalogue does not know stands for itself.
-- In all views the catalogue's columns may be NULL where it does not know a name: the setting join_use_nulls makes them so.
coalesce(nullIf(known_id, ''), requested)
