-- The two or three days that the period may cut: they are read from the calls, to the second.
{{period}}
AND NOT {{whole}}
