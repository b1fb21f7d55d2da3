-- Only days whose calls are kept can be read to the second.
{{kept}}
AND day >= (SELECT max(calls_from) FROM retention)
