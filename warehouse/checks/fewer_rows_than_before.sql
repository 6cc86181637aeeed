-- severity: fail
-- Tables with fewer rows than in the file published last, although rows are never removed.
select
    'events' as table_name,
    (select count(*) from before.main.events) as before,
    (select count(*) from events) as now
where now < before
union all
select
    'issues',
    (select count(*) from before.main.issues) as before,
    (select count(*) from issues) as now
where now < before
union all
select
    'issue_history',
    (select count(*) from before.main.issue_history) as before,
    (select count(*) from issue_history) as now
where now < before
