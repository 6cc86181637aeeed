-- One row per project and day to be read again: Sentry counts more events than there are; or another number than it
-- did, while more are stored or some lacked, which may hide behind those it lists no more. One listing in this run is
-- no proof, as pages shift while they are read. A day that stays short after it was read again is read once a week.
select
    organization_id,
    project_id,
    day as item
from {events_counted}
where
    listings < 2
    and (
        expected > loaded
        and (
            expected_before is distinct from expected
            or loaded_before is distinct from loaded
            or coalesce(read_at, '-infinity') < counted_at - interval 7 day
        )
        or listings = 0
        and expected_before is distinct from expected
        and (expected < stored or loaded_before < expected_before)
    )
order by all
