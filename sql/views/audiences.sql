-- Calls by audience; '' stands for the public.
SELECT
    audience,
    {{measures_of_calls}}
FROM calls
WHERE {{period}} AND {{counted_calls}}
GROUP BY audience
ORDER BY calls DESC, audience
