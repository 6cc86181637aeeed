-- One row per complete list of this run that lacks rows which the list before had, or that other tables name (for
-- all but projects of a first list only): worth asking once more, for pages can be dropped without a word.
with listed as (
    select
        c.organization_id,
        c.stream,
        min(c.window_start) as window_start,
        (
            select arg_max(b.run_id, b.finished_at)
            from meta.coverage as b
            where
                b.organization_id = c.organization_id
                and b.stream = c.stream
                and b.status = 'complete'
                and b.run_id <> $run_id
        ) as before_run_id
    from meta.coverage as c
    where
        c.run_id = $run_id
        and c.request = ''
        and c.stream in ('projects', 'teams', 'members', 'releases')
    group by c.organization_id, c.stream
    having bool_and(c.status = 'complete')
),

known as (
    select 'projects' as stream, organization_id, _run_id, date_created from projects
    union all
    select 'teams', organization_id, _run_id, date_created from teams
    union all
    select 'members', organization_id, _run_id, date_created from members
    union all
    select 'releases', organization_id, _run_id, date_created from releases
),

named as (
    select 'projects' as stream, c.organization_id, c.project_id as id
    from event_counts as c
    anti join projects as p using (organization_id, project_id)
    union
    select 'teams', t.organization_id, t.team_id
    from project_teams as t
    anti join teams as l using (organization_id, team_id)
    union
    select 'members', i.organization_id, i.assigned_to_id
    from issues as i
    anti join members as m on m.organization_id = i.organization_id and m.user_id = i.assigned_to_id
    where i.assigned_to_type = 'user'
    union
    select 'releases', e.organization_id, e.release
    from events as e
    anti join releases as r on r.organization_id = e.organization_id and r.version = e.release
    where e.release <> ''
)

select
    l.organization_id,
    l.stream,
    count(*) as missing
from listed as l
inner join known as k
    on
        k.organization_id = l.organization_id
        and k.stream = l.stream
        and k._run_id = l.before_run_id
        and (l.window_start is null or k.date_created >= l.window_start)
group by all
union all
select
    l.organization_id,
    l.stream,
    count(*)
from listed as l
inner join named as n using (organization_id, stream)
where l.before_run_id is null or l.stream = 'projects'
group by all
order by all
