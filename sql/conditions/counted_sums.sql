-- Whether a row of a rollup counts: sums of crawlers and of calls that are left out only if they are requested.
(crawler != 0) <= {crawlers:UInt8}
