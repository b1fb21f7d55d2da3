-- The days that the period contains: views read them from a rollup.
{{asked}} AND {{whole}}
