-- The names of the data sets of a publisher.
SELECT domain, name FROM {{known_names}} WHERE publisher = {publisher:String}
