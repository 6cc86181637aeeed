-- One row per project and day to be read again: Sentry counts more events than there are, or fewer than it did
-- while more are stored, so that some may lack behind those it lists no more. A day that stays short after it
-- was read again is read once a week.
select
    organization_id,
    project_id,
    day as item
from {events_counted}
where
    not is_read_again
    and (
        expected > loaded
        and (
            expected_before is distinct from expected
            or loaded_before is distinct from loaded
            or coalesce(read_at, '-infinity') < counted_at - interval 7 day
        )
        or expected < stored and expected_before is distinct from expected
    )
order by all
