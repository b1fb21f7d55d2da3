-- What a rollup has in its column `crawler`: 0 for calls that count, 1 for calls of crawlers, 2 for other calls that are left out.
multiIf(client = 'crawler', 1, left_out, 2, 0)
