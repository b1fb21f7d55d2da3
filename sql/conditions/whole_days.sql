-- The days that the period contains: they are read from a rollup.
{{asked}} AND {{whole}}
