-- Indicator 7: calls by place; summary.unlocated_calls counts the calls without a place.
SELECT country, city, latitude, longitude, sum(n) AS calls
FROM
(
    SELECT country, city, latitude, longitude, calls AS n
    FROM places
    WHERE {{whole_days}} AND {{counted_sums}} AND country != ''
    UNION ALL
    SELECT country, city, latitude, longitude, count() AS n
    FROM calls
    WHERE {{edge_days}} AND {{counted_calls}} AND country != ''
    GROUP BY country, city, latitude, longitude
)
GROUP BY country, city, latitude, longitude
ORDER BY calls DESC, country, city, latitude, longitude
