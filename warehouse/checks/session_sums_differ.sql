-- severity: warn
-- Days whose sessions by status do not add up to the sessions of their rates, by more than 1 %.
with newest as (
    select max(as_of) as as_of from meta.runs
),

by_status as (
    select
        organization_id,
        project_id,
        interval_start,
        sum(session_count) as session_count
    from sessions
    group by all
),

by_rate as (
    select
        organization_id,
        project_id,
        interval_start,
        sum(session_count) as session_count
    from session_health
    group by all
)

select
    s.organization_id,
    s.project_id,
    s.interval_start,
    s.session_count as by_status,
    h.session_count as by_rate
from by_status as s
inner join by_rate as h using (organization_id, project_id, interval_start)
cross join newest
where
    -- the last days still grow between one question and the other
    s.interval_start < newest.as_of - interval 3 day
    and abs(s.session_count - h.session_count) > h.session_count / 100
