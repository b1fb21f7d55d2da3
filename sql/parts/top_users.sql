-- The five users with the most calls; all anonymous users are one, `anonymous`.
SELECT if(user_id = '', 'anonymous', toString(user_id)) AS user, count() AS calls
FROM calls
WHERE {{period}} AND {{counted_calls}} AND {{part}}
GROUP BY user
ORDER BY calls DESC, user
LIMIT 5
