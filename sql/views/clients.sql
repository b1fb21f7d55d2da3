-- Calls by kind of client and by program.
SELECT
    client,
    browser,
    count() AS calls,
    uniqHLL12If(user_id, user_id != '') + uniqHLL12If(visitor, user_id = '') AS users
FROM calls
WHERE {{period}} AND {{counted_calls}}
GROUP BY client, browser
ORDER BY calls DESC, client, browser
