-- Whether the period contains the day in any time zone: with offsets from -12:00 to +14:00, it is in [day - 14 h, day + 36 h) UTC.
-- least(), greatest(): near the limits of DateTime, the arithmetic would wrap around.
(
    day > toDate(least({from:DateTime('UTC')}, toDateTime(4294900000, 'UTC')) + 50399)
    AND day < toDate(greatest({to:DateTime('UTC')}, toDateTime(43200, 'UTC')) - 43200)
)
