-- Only calls that are still there can be read to the second.
{{kept}}
AND day >= (SELECT max(calls_from) FROM retention)
