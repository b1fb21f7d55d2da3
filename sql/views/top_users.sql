-- Indicator 6: the five users with the most calls, counted exactly; all anonymous users are one, `anonymous`.
-- topK has 300 counters and gets 100 candidates, so it evicts none; with more candidates it would be inexact.
SELECT if(account = '', 'anonymous', account) AS user, n AS calls
FROM
(
    SELECT tupleElement(entry, 1) AS account, tupleElement(entry, 2) AS n
    FROM
    (
        SELECT arrayJoin(topKWeighted(100, 3, 'counts')(account, n)) AS entry
        FROM
        (
            SELECT toString(user_id) AS account, sum(c) AS n
            FROM
            (
                SELECT user_id, calls AS c
                FROM accounts
                WHERE {{whole_days}} AND {{counted_sums}}
                UNION ALL
                SELECT user_id, count() AS c
                FROM calls
                WHERE {{edge_days}} AND {{counted_calls}}
                GROUP BY user_id
            )
            GROUP BY account
            ORDER BY n DESC, account
            LIMIT 100
        )
    )
)
ORDER BY calls DESC, user
LIMIT 5
