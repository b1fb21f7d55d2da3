-- Whether a row of `calls` counts: calls of crawlers and calls that are left out only if they are requested.
(client = 'crawler' OR left_out) <= {crawlers:UInt8}
