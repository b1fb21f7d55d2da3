-- Of `calls_by_month_and_name`, the rows of one data set.
((requested = {dataset:String} AND requested != '') OR (domain, requested_name) GLOBAL IN ({{names_of_dataset}}))
