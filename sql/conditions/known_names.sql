-- The current catalogue: the names of data sets, and the data set of each.
(
    SELECT domain, name, dataset_id AS known_id, title, publisher, theme, created
    FROM catalogue
    WHERE {{asked}} AND (domain, revision) GLOBAL IN (
        SELECT domain, max(revision) FROM catalogue_updates GROUP BY domain
    )
)
