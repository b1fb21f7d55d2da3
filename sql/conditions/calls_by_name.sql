-- The calls of the period, with the name under which each asks for a data set.
(SELECT *, {{requested_name}} AS requested_name, toString(dataset_id) AS requested FROM calls WHERE {{period}} AND {{counted_calls}})
