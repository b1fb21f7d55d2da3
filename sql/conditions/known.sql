-- Joins the data set of each requested name.
LEFT JOIN {{known_names}} AS known ON parts.domain = known.domain AND parts.requested_name = known.name
