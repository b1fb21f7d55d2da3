-- The two or three days that the period may cut: views read them from `calls`, to the second.
{{period}}
AND NOT {{whole}}
