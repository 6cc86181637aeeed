-- One row per organization and table that was ever planned or asked for.
-- materialised: yes
-- key: organization_id, table_name
-- definition: Age is the time from up_to to the newest run's as_of. fresh: at most 36 h; stale: more, or some
--   project lags so far behind; never: no slice was ever complete; left out: the exports of its server went on for a
--   week without it, as without a query that is configured no more. Projects that Sentry says are gone or forbidden,
--   and those that are left out, do not hold up_to back. Where nothing was left to read besides a list, up_to is
--   that of the list.
-- reconcile: select coverage.organization_id, coverage.stream from meta.coverage
--   where coverage.status = 'complete' and coverage.request is distinct from 'audit'
--   and not exists (from marts.freshness as mart where mart.organization_id = coverage.organization_id
--   and mart.status <> 'never' and mart.last_complete_at >= coverage.finished_at)
-- organization_id: The organization.
-- table_name: The table: the stream's name, discover_<query> for Discover queries, session_health for rates,
--   issue_details and event_details for what is read besides the lists of issues and events.
-- newest_row_at: Newest time in the rows themselves (event, last seen, release made, interval) (UTC); null for
--   tables whose rows have no such time, such as members, issue_details and those of Discover queries.
-- newest_loaded_at: When rows were last loaded into it (UTC).
-- watermark: Time up to which every project is loaded without a gap (UTC); null for issue_details and
--   event_details, which are asked for one by one.
-- last_complete_at: When a slice of it was last complete (UTC).
-- up_to: The watermark; where there is none, the time up to which the last complete slice asked (UTC).
-- age_hours: Hours from up_to to the newest run's as_of; null when never; not additive.
-- projects_behind: Projects whose own watermark is more than 36 h before the newest run's as_of (1 for a table
--   that is asked of the whole organization); additive within a table.
-- status: fresh, stale, never or left out.
-- as_of: End of the newest run's windows (UTC), which age is measured against.
with
newest_run as (
    select max(as_of) as as_of from meta.runs
),

coverage as (
    select
        organization_id,
        {table_name} as table_name,
        case when stream = 'discover' then 'discover_' || request else stream end as asked_as,
        coalesce(project_id, '') as project_id,
        run_id,
        coalesce(window_end, finished_at) as asked_to,
        finished_at,
        status,
        rows
    from meta.coverage
    where request is distinct from 'audit'
),

projects_out as (
    select organization_id, table_name, project_id
    from coverage
    group by all
    having arg_max(status, finished_at) in ('gone', 'forbidden')
),

cursors as (
    select
        organization_id,
        {table_name} as table_name,
        case when stream = 'discover' then 'discover_' || request else stream end as asked_as,
        coalesce(project_id, '') as project_id,
        watermark
    from meta.cursors as read_up_to
    where request is distinct from 'audit'
        -- whole bodies are read up to then; since, those of the latest events are asked for in their place
        and not (stream = 'events' and request = 'full' and exists (
            from meta.coverage as later
            where later.organization_id = read_up_to.organization_id
                and later.stream = 'events'
                and later.request = 'latest'
                and later.run_id > read_up_to.run_id
        ))
),

asked as (
    from {asked_scopes}
),

tables_left_out as (
    select organization_id, asked_as from asked group by all having bool_and(is_left_out)
),

-- what is asked of an organization is read of all its projects, or of those that were chosen then
reached as (
    select
        cursors.*,
        asked.organization_id is not null as is_of_organization,
        max(watermark) filter (where cursors.project_id = '') over of_table as reached_for_all,
        max(watermark) over of_table as reached_for_some
    from cursors
    left join asked
        on cursors.organization_id = asked.organization_id
        and cursors.asked_as = asked.asked_as
        and asked.project_id = ''
    window of_table as (partition by cursors.organization_id, cursors.table_name)
),

watermarks as (
    select
        organization_id,
        table_name,
        min(watermark) as watermark,
        count(*) filter (where watermark < newest_run.as_of - interval 36 hour) as projects_behind
    from reached
    anti join projects_out using (organization_id, table_name, project_id)
    anti join (from asked where is_left_out) as left_out using (organization_id, asked_as, project_id)
    cross join newest_run
    where not is_of_organization
        or (
            (project_id = '' or watermark > coalesce(reached_for_all, '-infinity'))
            and (
                watermark >= reached_for_some - interval 7 day
                or organization_id not in (select organization_id from asked where is_left_out and project_id <> '')
            )
        )
    group by all
),

loads as (
    select
        organization_id,
        table_name,
        asked_as,
        max(finished_at) filter (where rows > 0) as newest_loaded_at,
        max(finished_at) filter (where status = 'complete') as last_complete_at,
        max(asked_to) filter (where status = 'complete') as complete_to
    from coverage
    group by all
),

-- what is read besides a list: whether the last run that asked for any of it left some out
besides as (
    select
        organization_id,
        table_name,
        case table_name when 'issue_details' then 'issues' else 'events' end as list_name,
        arg_max(lacks_some, run_id) as lacks_some
    from (
        select organization_id, table_name, run_id, bool_or(status in ('partial', 'failed')) as lacks_some
        from coverage
        where table_name in ('issue_details', 'event_details')
        group by all
    ) as runs
    group by all
),

newest_rows as (
    select organization_id, 'events' as table_name, max(date_created) as newest_row_at from events group by all
    union all
    select organization_id, 'event_details', max(date_created) from event_details group by all
    union all
    select organization_id, 'event_counts', max(day) from event_counts group by all
    union all
    select organization_id, 'issues', max(last_seen) from issues group by all
    union all
    select organization_id, 'releases', max(date_created) from releases group by all
    union all
    select organization_id, 'outcomes', max(interval_start) from outcomes group by all
    union all
    select organization_id, 'sessions', max(interval_start) from sessions group by all
    union all
    select organization_id, 'session_health', max(interval_start) from session_health group by all
),

known_tables as (
    select organization_id, table_name, asked_as from loads
    union
    select organization_id, table_name, asked_as from cursors
),

ages as (
    select
        known_tables.organization_id,
        known_tables.table_name,
        newest_rows.newest_row_at,
        loads.newest_loaded_at,
        watermarks.watermark,
        loads.last_complete_at,
        coalesce(
            watermarks.watermark,
            greatest(loads.complete_to, case when not besides.lacks_some then lists.watermark end)
        ) as up_to,
        coalesce(watermarks.projects_behind, 0) as projects_behind,
        tables_left_out.asked_as is not null as is_left_out,
        newest_run.as_of
    from known_tables
    left join loads using (organization_id, table_name, asked_as)
    left join watermarks using (organization_id, table_name)
    left join newest_rows using (organization_id, table_name)
    left join besides using (organization_id, table_name)
    left join tables_left_out using (organization_id, asked_as)
    left join watermarks as lists
        on known_tables.organization_id = lists.organization_id
        and besides.list_name = lists.table_name
    cross join newest_run
)

select
    organization_id,
    table_name,
    newest_row_at,
    newest_loaded_at,
    watermark,
    last_complete_at,
    up_to,
    case
        when last_complete_at is not null and up_to is not null and as_of is not null
            then greatest(date_diff('second', up_to, as_of) / 3600.0, 0.0)
    end::double as age_hours,
    projects_behind,
    case
        when is_left_out then 'left out'
        when last_complete_at is null or up_to is null then 'never'
        when projects_behind > 0 or up_to < as_of - interval 36 hour then 'stale'
        else 'fresh'
    end as status,
    as_of
from ages
