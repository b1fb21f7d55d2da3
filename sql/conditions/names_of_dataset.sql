-- The names of the data set that has the name {dataset}.
SELECT domain, name
FROM {{known_names}}
WHERE (domain, known_id) GLOBAL IN (SELECT domain, known_id FROM {{known_names}} WHERE name = {dataset:String})
