-- Calls of each portal in the period, and in the same local time one to four weeks before. The period is at most a week.
-- For each portal, all weeks end at the time of its newest call, so calls that have not arrived yet do not count as missing.
-- A portal without calls in the period has no row. Weeks before its first day, or before the first kept day, are left out.
WITH
    -- the UTC offset of a time zone, in seconds
    (second, zone) -> toInt64(toUnixTimestamp(toDateTime(toString(toDateTime(second, 'UTC'), zone), 'UTC'))) - second AS ahead,
    -- the time so many weeks before with the same local time, in milliseconds
    (millisecond, week, zone) -> millisecond - 604800000 * week + 1000 * (
        ahead(intDiv(millisecond, 1000), zone) - ahead(intDiv(millisecond, 1000) - 604800 * week, zone)
    ) AS before,
    stretches AS
    (
        SELECT
            domain,
            intDiv(toDate(toString({from:DateTime('UTC')}, zone)) - first_day, 7) AS weeks_known,
            arrayJoin(range(1 + greatest(0, least(4, weeks_known)))) AS week,
            before(toInt64(toUnixTimestamp({from:DateTime('UTC')})) * 1000, week, zone) AS start,
            before(newest, week, zone) AS end
        FROM
        (
            SELECT domain, toUnixTimestamp64Milli(max(timestamp)) AS newest, argMax(toString(timezone), timestamp) AS zone
            FROM calls
            WHERE {{asked}}
                AND day > toDate(greatest({from:DateTime('UTC')}, toDateTime(172800, 'UTC'))) - 2
                AND day < toDate({to:DateTime('UTC')}) + 2
                AND timestamp >= {from:DateTime('UTC')}
                AND timestamp < {to:DateTime('UTC')}
            GROUP BY domain
        ) AS arrived
        GLOBAL INNER JOIN
        (
            SELECT domain, greatest(min(day), (SELECT max(calls_from) FROM retention)) AS first_day FROM days GROUP BY domain
        ) AS known USING (domain)
    )
SELECT
    domain,
    counts[1] AS calls,
    if(empty(weeks_before), NULL, arrayReduce('median', weeks_before)) AS usual,
    arrayPopFront(counts) AS weeks_before
FROM
(
    SELECT domain, arraySort(groupArray((week, n))).2 AS counts
    FROM
    (
        SELECT domain, week, sum(part) AS n
        FROM
        (
            SELECT domain, week, count() AS part
            FROM
            (
                SELECT domain, toUnixTimestamp64Milli(timestamp) AS moment
                FROM calls
                WHERE {{counted_calls}}
                    -- the calls lie on these days in any time zone
                    AND (domain, day) GLOBAL IN
                    (
                        SELECT domain, toDate(arrayJoin(range(intDiv(start, 86400000) - 1, intDiv(end, 86400000) + 2)))
                        FROM stretches
                    )
                    -- clock changes move the second of the week by at most two hours
                    AND positiveModulo(toInt64(toUnixTimestamp(timestamp)) - toUnixTimestamp({from:DateTime('UTC')}) + 7200, 604800)
                        < toInt64(toUnixTimestamp({to:DateTime('UTC')})) - toUnixTimestamp({from:DateTime('UTC')}) + 14400
            ) AS near
            GLOBAL ASOF INNER JOIN stretches ON near.domain = stretches.domain AND near.moment >= stretches.start
            WHERE moment <= end
            GROUP BY domain, week
            UNION ALL
            SELECT domain, week, 0 AS part
            FROM stretches
        )
        GROUP BY domain, week
    )
    GROUP BY domain
)
ORDER BY domain
