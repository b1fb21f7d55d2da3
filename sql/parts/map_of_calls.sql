-- Calls by place; only calls that have a place.
SELECT country, city, latitude, longitude, count() AS calls
FROM calls
WHERE {{period}} AND {{counted_calls}} AND country != '' AND {{part}}
GROUP BY country, city, latitude, longitude
ORDER BY calls DESC, country, city, latitude, longitude
