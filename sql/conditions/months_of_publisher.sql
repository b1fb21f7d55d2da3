-- Of `calls_by_month_and_name`, the rows of one publisher.
(domain, requested_name) GLOBAL IN ({{names_of_publisher}})
