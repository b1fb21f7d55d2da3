-- Calls of one data set. The first condition reads no paths.
(
    dataset_id = {dataset:String}
    OR (domain, dataset_id) GLOBAL IN ({{names_of_dataset}})
    OR (dataset_id = '' AND action = 'download')
)
AND (dataset_id != '' OR (domain, path) GLOBAL IN ({{names_of_dataset}}))
