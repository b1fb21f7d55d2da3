-- Calls by network, whatever its AS numbers; '' stands for addresses of unknown networks.
SELECT
    network,
    {{measures_of_calls}}
FROM calls
WHERE {{period}} AND {{counted_calls}} AND {{part}}
GROUP BY network
ORDER BY calls DESC, network
