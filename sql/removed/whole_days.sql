-- Days whose calls were removed are read whole from a rollup, also where the period cuts them.
(
    {{kept}}
    OR (
        {{asked}}
        AND day < (SELECT max(calls_from) FROM retention)
        AND (domain, day) GLOBAL IN (
            SELECT domain, day
            FROM days
            WHERE {{asked}}
                AND day < (SELECT max(calls_from) FROM retention)
                AND {from:DateTime('UTC')} < {to:DateTime('UTC')}
                AND day >= toDate(toString({from:DateTime('UTC')}, days.timezone))
                AND day <= toDate(toString({to:DateTime('UTC')} - 1, days.timezone))
        )
    )
)
