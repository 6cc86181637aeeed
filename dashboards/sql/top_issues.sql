-- Top issues: Which issues hurt most, and which are new?
-- The 15 issues with most stored events in the chosen days, beside the same number of days before. New: first event in the chosen days. Users: as Sentry counts them over all of its retention, usually 90 days, whatever days, environment and release are chosen; they may be more than the events of the chosen days.
with
-- first those shown, then who they are and what they made before: the many others are added up once only
noisiest as materialized (
    select issue_number, sum(event_count)::bigint as events, any_value(rowid) as any_row
    from marts.issue_volume
    where day between (select max(as_of)::date - 28 from meta.runs) and (select max(as_of)::date - 1 from meta.runs)
        and issue_number > 0
    group by issue_number
    order by events desc, issue_number
    limit 15
),

named as materialized (
    select issue_number, organization_id, issue_id, project_slug
    from marts.issue_volume
    where rowid in (select any_row from noisiest)
    limit 15 -- no more than there are; from this the optimizer knows it
),

earlier as (
    select issue_number, sum(event_count)::bigint as events
    from marts.issue_volume
    where day between (select max(as_of)::date - 56 from meta.runs) and (select max(as_of)::date - 29 from meta.runs)
        and issue_number in (select issue_number from noisiest)
    group by issue_number
),

volumes as (
    select
        named.organization_id,
        named.issue_id,
        named.project_slug,
        noisiest.events,
        coalesce(earlier.events, 0) as before
    from noisiest
    inner join named on noisiest.issue_number = named.issue_number
    left join earlier on noisiest.issue_number = earlier.issue_number
),

shown as (
    select organization_id, issue_id, short_id, title, level, status, user_count, first_seen, permalink
    from issues
    where issue_id in (select issue_id from named)
),

owners as (
    select organization_id, issue_id, owner_name
    from marts.ownership
    where issue_id in (select issue_id from named)
)

select
    coalesce(shown.short_id, volumes.issue_id) as issue,
    coalesce(shown.title, 'not loaded') as title,
    volumes.project_slug as project,
    shown.level,
    shown.status,
    coalesce(owners.owner_name, 'nobody') as owner,
    volumes.events,
    volumes.before,
    case when volumes.before > 0 then volumes.events / volumes.before - 1 end::double as change,
    shown.user_count as users_90d,
    coalesce(shown.first_seen::date >= (select max(as_of)::date - 28 from meta.runs), false) as is_new,
    shown.permalink
from volumes
left join shown
    on volumes.organization_id = shown.organization_id
    and volumes.issue_id = shown.issue_id
left join owners
    on volumes.organization_id = owners.organization_id
    and volumes.issue_id = owners.issue_id
order by volumes.events desc, volumes.issue_id
