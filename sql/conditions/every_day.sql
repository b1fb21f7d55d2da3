-- Every day of the period, also days without calls.
SELECT toDate(arrayJoin(range(toUInt32(arrayMin(first_days)), toUInt32(arrayMax(last_days)) + 1))) AS day, 0 AS n
    WHERE {from:DateTime('UTC')} < {to:DateTime('UTC')}
