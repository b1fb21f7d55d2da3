-- Whether a row of `calls` counts: calls of crawlers only if they are requested.
(client = 'crawler') <= {crawlers:UInt8}
