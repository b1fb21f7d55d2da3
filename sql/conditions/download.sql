-- A download is one caller getting one file within one clock hour; `file` is 0 where a call is no download.
cityHash64({{caller}}, file, hour)
