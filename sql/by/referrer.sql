-- Calls by the host of the referring page; (own) stands for the portal, '' for calls without a referrer.
SELECT
    referrer_host,
    {{measures_of_calls}}
FROM calls
WHERE {{period}} AND {{counted_calls}} AND {{part}}
GROUP BY referrer_host
ORDER BY calls DESC, referrer_host
