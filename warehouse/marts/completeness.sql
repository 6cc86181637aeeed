-- One row per organization, table, project and UTC day that any slice asked for.
-- materialised: yes
-- key: organization_id, table_name, project_id, day
-- definition: A day's status is the worst among the newest slices that cover its parts; a slice stops
--   counting once newer ones have asked for the same part again, a failed sweep of all days (issues, event_counts)
--   once a later one is complete. It is never complete while Sentry says
--   that there is more than we hold (expected > loaded). An event audit newer than the last load decides
--   alone, an older one only where it is worse. A day that Sentry refuses as older than what it keeps has a
--   row only if it was read while it was kept. Days without a row before the oldest event are not proven
--   where an issue was first seen on one of them: a window that reaches behind what Sentry keeps is answered
--   for what it keeps, without a word.
-- reconcile: select * from (select distinct organization_id, coalesce(project_id, '') as project_id,
--   unnest(generate_series(date_trunc('day', window_start),
--   date_trunc('day', greatest(window_end - interval 1 microsecond, window_start)), interval 1 day))::date as day
--   from meta.coverage where window_start is not null
--   and (status = 'complete' or stream not in ('issues', 'event_counts'))
--   and reason is distinct from 'outside of what Sentry keeps') as asked
--   where not exists (from marts.completeness as mart where mart.organization_id = asked.organization_id
--   and mart.project_id = asked.project_id and mart.day = asked.day)
-- organization_id: The organization.
-- table_name: The table: the stream's name, discover_<query> for Discover queries, session_health for rates,
--   issue_details and event_details for what is read besides the lists of issues and events.
-- project_id: The project; empty for what is asked of a whole organization.
-- day: The UTC day; for lists that are asked without a window the day of asking.
-- expected: What there is by Sentry's own figures: events, sessions, quantities of outcomes (all categories together),
--   what a Discover query counts; of issues, projects and event_details what events tell. Null where nothing tells,
--   or only of several days together; additive within a table.
-- loaded: What the warehouse holds of that (of events of a day that was read whole, what Sentry listed), or the
--   records of a list; null where a slice spans several days; additive within a table.
-- ratio: loaded / expected; 1 where nothing is expected, null where expected is; not additive.
-- status: complete, sampled, partial, capped, gone, forbidden or failed.
-- checked_at: When the newest slice or audit of the day was done (UTC).
-- reason: Why it is not complete, or why that is not proven, and what to do; null otherwise. Lists that nothing
--   counts, such as members, are complete when all their pages came.
-- project_slug: The project's short name; empty where project_id is.
with
-- a complete sweep makes up for those that failed before it, also on the days that it no longer reaches
sweeps_made_up_for as (
    select coverage.run_id, coverage.slice_id
    from meta.coverage as coverage
    inner join meta.cursors as cursors
        on coverage.organization_id = cursors.organization_id
        and coverage.project_id = cursors.project_id
        and coverage.stream = cursors.stream
        and coverage.request = cursors.request
        and coverage.window_end <= cursors.watermark
        and coverage.run_id <> cursors.run_id
    where coverage.stream in ('issues', 'event_counts')
        and coverage.request = ''
        and coverage.status not in ('complete', 'sampled')
        and coverage.run_id not in (select run_id from meta.runs where command = 'backfill')
),

slices as (
    select
        organization_id,
        {table_name} as table_name,
        coalesce(project_id, '') as project_id,
        stream = 'events' and request = 'audit' as is_audit,
        run_id,
        slice_id,
        window_start is null as is_list,
        coalesce(window_start, date_trunc('day', coalesce(window_end, finished_at, started_at))) as starts,
        case
            when window_start is null
                then date_trunc('day', coalesce(window_end, finished_at, started_at)) + interval 1 day
            else greatest(window_end, window_start + interval 1 microsecond)
        end as ends,
        status,
        expected,
        case when window_start is null then coalesce(loaded, rows) else loaded end as loaded,
        reason,
        coalesce(finished_at, started_at) as checked_at
    from meta.coverage
    anti join sweeps_made_up_for using (run_id, slice_id)
    where reason is distinct from 'outside of what Sentry keeps'
),

-- slices of a run that follow each other without a gap, as one
stretches as (
    select
        organization_id, table_name, project_id, is_audit, run_id,
        min(starts) as starts,
        max(ends) as ends,
        min(checked_at) as checked_at
    from (
        select
            *,
            max(ends) over (
                partition by organization_id, table_name, project_id, is_audit, run_id
                order by starts rows between unbounded preceding and 1 preceding
            ) as ends_before
        from slices
    ) as ordered
    group by all
    having bool_and(starts <= coalesce(ends_before, starts))
),

-- each night asks for most days of the night before again: of years of nights, these make the bulk
asked_again as (
    select
        organization_id, table_name, project_id, is_audit, run_id,
        date_trunc('day', lead(starts) over by_time + interval 1 day - interval 1 microsecond) as again_from,
        date_trunc('day', lead(ends) over by_time) as again_to,
        lead(checked_at) over by_time as again_at
    from stretches
    window by_time as (partition by organization_id, table_name, project_id, is_audit order by checked_at)
),

days_of_slices as (
    select
        slices.*,
        date_trunc('day', starts) as first_day,
        date_trunc('day', ends - interval 1 microsecond) as last_day,
        coalesce(again_at > checked_at and again_to > again_from, false) as has_later_days,
        again_from,
        again_to
    from slices
    left join asked_again using (organization_id, table_name, project_id, is_audit, run_id)
    where starts is not null
),

touched_days as (
    select
        * exclude (first_day, last_day, has_later_days, again_from, again_to),
        unnest(
            case
                when has_later_days then
                    generate_series(first_day, least(last_day, again_from - interval 1 day), interval 1 day)
                    || generate_series(greatest(first_day, again_to), last_day, interval 1 day)
                else generate_series(first_day, last_day, interval 1 day)
            end
        ) as day_start
    from days_of_slices
),

parts as (
    select
        *,
        greatest(starts, day_start) as part_start,
        least(ends, day_start + interval 1 day) as part_end,
        starts >= day_start and ends <= day_start + interval 1 day as is_within_day
    from touched_days
),

whole_days as (
    select *, max(checked_at) filter (where part_end - part_start = interval 1 day) over day_of_table as whole_at
    from parts
    window day_of_table as (partition by organization_id, table_name, project_id, is_audit, day_start)
),

-- whatever is older than the newest slice over the whole day has been asked again
standing as (
    select * from whole_days
    where whole_at is null or checked_at >= whole_at
),

edges as (
    select organization_id, table_name, project_id, is_audit, day_start, part_start as edge from standing
    union
    select organization_id, table_name, project_id, is_audit, day_start, part_end as edge from standing
),

segments as (
    select *, lead(edge) over (
        partition by organization_id, table_name, project_id, is_audit, day_start order by edge
    ) as next_edge
    from edges
),

newest_of_segment as (
    select standing.*
    from segments
    inner join standing
        on segments.organization_id = standing.organization_id
        and segments.table_name = standing.table_name
        and segments.project_id = standing.project_id
        and segments.is_audit = standing.is_audit
        and segments.day_start = standing.day_start
        and standing.part_start <= segments.edge
        and standing.part_end >= segments.next_edge
    where segments.next_edge is not null
    qualify row_number() over (
        partition by
            segments.organization_id, segments.table_name, segments.project_id,
            segments.is_audit, segments.day_start, segments.edge
        order by standing.checked_at desc, standing.run_id desc, standing.slice_id desc
    ) = 1
),

newest_slices as (
    select distinct * from newest_of_segment
),

judged as (
    select
        *,
        case
            when status in ('complete', 'sampled') and expected > loaded then 'partial'
            else status
        end as judged_status,
        case
            when reason is not null and reason <> '' then reason
            when expected > loaded then
                'Sentry counts ' || expected || ', loaded are ' || loaded
                || case when is_within_day or is_list then '' else ' over ' || starts || ' to ' || ends end
            when status <> 'complete' then 'It ended ' || status || ' and did not say why.'
        end || case
            when is_within_day or is_list or status not in ('partial', 'capped') then ''
            else ' Which days from ' || starts::date || ' to ' || (ends - interval 1 microsecond)::date
                || ' lack rows is not known.'
        end as judged_reason
    from newest_slices
),

ranked as (
    select
        *,
        case judged_status
            when 'complete' then 0 when 'sampled' then 1 when 'partial' then 2 when 'capped' then 3
            when 'gone' then 4 when 'forbidden' then 5 else 6
        end as badness
    from judged
),

loads as (
    select
        organization_id, table_name, project_id, day_start,
        max(badness) as badness,
        arg_max(judged_status, badness) as status,
        arg_max(judged_reason, (badness, checked_at, run_id, slice_id)) as reason,
        max(checked_at) as checked_at,
        case when bool_and(is_within_day and expected is not null) then sum(expected) end as expected,
        case when bool_and(is_within_day and loaded is not null) then sum(loaded) end as loaded
    from ranked
    where not is_audit
    group by all
),

audits as (
    select
        organization_id, table_name, project_id, day_start,
        arg_max(badness, checked_at) as badness,
        arg_max(judged_status, checked_at) as status,
        arg_max(judged_reason, checked_at) as reason,
        max(checked_at) as checked_at,
        arg_max(expected, checked_at) filter (where is_within_day) as expected,
        arg_max(loaded, checked_at) filter (where is_within_day) as loaded
    from ranked
    where is_audit
    group by all
),

combined as (
    select
        coalesce(loads.organization_id, audits.organization_id) as organization_id,
        coalesce(loads.table_name, audits.table_name) as table_name,
        coalesce(loads.project_id, audits.project_id) as project_id,
        coalesce(loads.day_start, audits.day_start)::date as day,
        case when audits.day_start is null then loads.expected else audits.expected end as expected,
        case when audits.day_start is null then loads.loaded else audits.loaded end as loaded,
        greatest(loads.checked_at, audits.checked_at) as checked_at,
        case
            when audits.day_start is null then false
            when loads.day_start is null then true
            when audits.expected is not null and audits.checked_at >= loads.checked_at then true
            else audits.badness >= loads.badness
        end as audit_decides,
        loads.status as load_status,
        audits.status as audit_status,
        loads.reason as load_reason,
        audits.reason as audit_reason
    from loads
    full join audits
        on loads.organization_id = audits.organization_id
        and loads.table_name = audits.table_name
        and loads.project_id = audits.project_id
        and loads.day_start = audits.day_start
),

-- an issue first seen in an asked window, before every event that was listed, had events there once
kept as (
    select events.organization_id, events.oldest
    from (select organization_id, min(date_created)::date as oldest from events group by all) as events
    inner join (
        select organization_id, min(day) as asked_from from combined where table_name = 'events' group by all
    ) as asked on events.organization_id = asked.organization_id
    where exists (
        from issues
        where issues.organization_id = events.organization_id
            and issues.first_seen >= asked.asked_from and issues.first_seen::date < events.oldest
    )
)

select
    combined.organization_id,
    combined.table_name,
    combined.project_id,
    combined.day,
    expected::bigint as expected,
    loaded::bigint as loaded,
    case when expected = 0 then 1.0 else loaded / expected end::double as ratio,
    case when audit_decides then audit_status else load_status end as status,
    checked_at,
    case
        when audit_decides and audit_status <> 'complete' then audit_reason
        when not audit_decides and (load_status <> 'complete' or starts_with(load_reason, 'Not proven'))
            then load_reason
        when combined.day < kept.oldest and coalesce(loaded, 0) = 0
            and (table_name = 'events' or starts_with(table_name, 'discover_'))
            then 'Not proven: Sentry lists no event before ' || kept.oldest
                || ', though issues were first seen before: it no longer keeps them, or never did.'
    end as reason,
    coalesce(project_names.project_slug, combined.project_id) as project_slug
from combined
left join marts.project_names as project_names
    on combined.organization_id = project_names.organization_id
    and combined.project_id = project_names.project_id
left join kept on combined.organization_id = kept.organization_id
