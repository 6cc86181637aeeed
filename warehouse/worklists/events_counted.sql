-- One row per project and day that Sentry counted events of in this run: its count, and what stands against it.
-- `loaded` are the events that this run listed, where it read the whole day: events that Sentry lists no more can
-- not hide there that others lack. Elsewhere they are the stored ones; or, where the last audit found the day
-- short of the same count, what it found. `listings` says how often this run read the whole day. Of the oldest day
-- Sentry may have begun to forget events: there, a lower count than before says nothing.
with run as (
    select
        as_of,
        -- what is stored of years before is not looked at
        (select min(day) from event_counts where _run_id = $run_id) as counted_since
    from meta.runs
    where run_id = $run_id
),

listings as (
    select
        organization_id,
        project_id,
        run_id,
        coalesce(window_start, '-infinity'::timestamp) as starts,
        window_end as ends,
        finished_at
    from meta.coverage
    where stream = 'events' and request = '' and status = 'complete'
),

counted as (
    select
        c.organization_id,
        c.project_id,
        c.day,
        c.event_count as expected,
        c._loaded_at as counted_at,
        count(*) filter (
            l.run_id = $run_id and l.starts <= c.day and l.ends >= least(c.day + interval 1 day, run.as_of)
        ) as listings,
        max(l.finished_at) filter (l.starts <= c.day and l.ends >= c.day + interval 1 day) as read_at
    from event_counts as c
    cross join run
    inner join listings as l using (organization_id, project_id)
    where c._run_id = $run_id
    group by all
    having bool_or(l.run_id = $run_id)
),

-- late ones that this run knows as the latest of their issue only: their tags, no body tells
bodies as (
    select
        organization_id,
        event_id
    from event_details
    anti join event_tags using (organization_id, event_id)
    where _run_id = $run_id
),

stored as (
    select
        e.organization_id,
        e.project_id,
        date_trunc('day', e.date_created) as day,
        -- Sentry no longer counts those of deleted issues, unless it still lists them
        count(*) filter ((i.deleted_at is null or e._run_id = $run_id) and b.event_id is null) as stored,
        count(*) filter (e._run_id = $run_id) as listed
    from events as e
    cross join run
    left join issues as i using (organization_id, issue_id)
    left join bodies as b using (organization_id, event_id)
    where e.date_created >= run.counted_since and e.date_created < run.as_of
    group by all
),

audited as (
    select
        organization_id,
        project_id,
        window_start as day,
        arg_max(expected, finished_at) as expected,
        arg_max(loaded, finished_at) as loaded
    from meta.coverage
    where stream = 'events' and request = 'audit' and run_id <> $run_id
    group by all
),

oldest as (
    select
        organization_id,
        min(day) as day
    from event_counts
    where _run_id = $run_id
    group by organization_id
)

select
    c.organization_id,
    c.project_id,
    c.day,
    c.expected,
    case
        when c.listings > 0 then coalesce(s.listed, 0)
        when a.expected = c.expected and a.loaded < a.expected then a.loaded
        else coalesce(s.stored, 0)
    end as loaded,
    coalesce(s.stored, 0) as stored,
    c.listings,
    c.read_at,
    c.counted_at,
    a.expected as expected_before,
    a.loaded as loaded_before
from counted as c
left join stored as s using (organization_id, project_id, day)
left join audited as a using (organization_id, project_id, day)
left join oldest as o using (organization_id, day)
where o.day is null or c.expected >= coalesce(a.expected, c.expected)
