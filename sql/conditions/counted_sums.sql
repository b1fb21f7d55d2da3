-- Whether a row of a rollup counts: sums of crawlers only if they are requested.
crawler <= {crawlers:UInt8}
