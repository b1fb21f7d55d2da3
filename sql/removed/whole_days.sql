-- Views read days without calls whole from a rollup, also days that the period cuts.
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
