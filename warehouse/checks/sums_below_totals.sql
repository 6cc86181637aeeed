-- severity: fail
-- Slices that are called complete although fewer rows were loaded than Sentry counts.
select
    stream,
    request,
    project_id,
    window_start,
    expected,
    loaded
from meta.coverage
where run_id = $run_id and status = 'complete' and loaded < expected
