-- The time zones of the requested portals, the busiest first, and the first and the last day of the period in each.
(
        SELECT if(empty(groupArray(zone) AS found), ['UTC'], found)
        FROM (SELECT toString(timezone) AS zone FROM days WHERE {{asked}} GROUP BY zone ORDER BY sum(days.calls) DESC, zone)
    ) AS zones,
    arrayMap(zone -> toDate(toString({from:DateTime('UTC')}, zone)), zones) AS first_days,
    arrayMap(zone -> toDate(toString({to:DateTime('UTC')} - 1, zone)), zones) AS last_days
