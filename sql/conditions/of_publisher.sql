-- Calls of the data sets of one publisher. The first condition reads no paths.
((domain, dataset_id) GLOBAL IN ({{names_of_publisher}}) OR (dataset_id = '' AND action = 'download'))
AND (dataset_id != '' OR (domain, path) GLOBAL IN ({{names_of_publisher}}))
