-- Calls by network; '' and 0 stand for addresses of unknown networks.
SELECT
    network,
    as_number,
    {{measures_of_calls}}
FROM calls
WHERE {{period}} AND {{counted_calls}} AND {{part}}
GROUP BY network, as_number
ORDER BY calls DESC, network, as_number
