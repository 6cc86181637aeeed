insert into organizations (organization_id, slug, name) values ('1', 'acme', 'Acme');
insert into projects (organization_id, project_id, slug, name)
    select '1', p::varchar, 'project-' || p, 'Project ' || p from range({projects}) as t(p);
insert into project_teams (organization_id, project_id, team_id, team_slug)
    select '1', p::varchar, (p % 9)::varchar, 'team-' || (p % 9) from range({projects}) as t(p);
insert into releases (organization_id, release_id, version, date_created)
    select '1', r::varchar, 'app@' || r, timestamp '2026-08-22' + to_hours((108 * (r // {projects}))::int)
    from range({releases}) as t(r);
insert into release_projects (organization_id, release_id, version, project_id)
    select '1', r::varchar, 'app@' || r, (r % {projects})::varchar from range({releases}) as t(r);
insert into issues (organization_id, issue_id, short_id, project_id, title, level, status, first_seen, last_seen,
    event_count, user_count, permalink)
    select '1', i::varchar, 'P-' || i, (i % {projects})::varchar, 'Error number ' || i, 'error',
        ['unresolved', 'resolved', 'ignored'][1 + (hash(i) % 3)::int],
        timestamp '2026-11-20' - to_minutes((hash(i) % 129600)::int), timestamp '2026-11-20',
        10, 5, 'https://sentry.example/issues/' || i || '/'
    from range({issues}) as t(i);
insert into issue_activity (organization_id, issue_id, project_id, activity_id, activity_type, date_created, user_id)
    select '1', issue_id, project_id, issue_id, 'set_resolved', first_seen + interval 20 hour, '7'
    from issues where status = 'resolved';
insert into events (organization_id, event_id, issue_id, project_id, event_type, title, level, environment, release,
    user_id, date_created, date_received)
    select '1', lower(to_hex(i)), issue::varchar, (issue % {projects})::varchar, 'error', 'Error number ' || issue,
        'error', ['production', 'production', 'production', 'staging'][1 + (h // 7 % 4)::int],
        -- the newest release of the day, or the one before
        'app@' || (issue % {projects} + {projects}
            * greatest(date_diff('hour', timestamp '2026-08-22', created) // 108 - h // 11 % 2, 0)),
        'u' || (h // 13 % 200000), created, created
    from (
        select i, hash(i) as h,
            -- few issues make most of the noise
            floor(pow((hash(i, 1) % 1000003) / 1000003.0, 3) * {issues})::bigint as issue,
            timestamp '2026-11-20' - to_seconds((hash(i, 2) % 7776000)::int) as created
        from range({events}) as t(i)
    ) as made;
insert into sessions (organization_id, project_id, release, environment, session_status, interval_start,
    interval_seconds, session_count)
    select '1', (r % {projects})::varchar, 'app@' || r, 'production', s.status,
        timestamp '2026-11-20' - to_days((1 + d)::int), 86400, (s.share * (1 + hash(r, d) % 5000))::bigint
    from range({releases}) as t(r), range(90) as u(d),
        (values ('healthy', 0.95), ('errored', 0.04), ('crashed', 0.01)) as s(status, share)
    where (90 - d) * 24 // 108 - r // {projects} between 0 and 3;
insert into session_health (organization_id, project_id, release, environment, interval_start, interval_seconds,
    session_count, user_count, crash_free_session_rate, crash_free_user_rate)
    select organization_id, project_id, release, environment, interval_start, 86400, sum(session_count),
        sum(session_count) // 2, 0.99, 0.99 from sessions group by all;
insert into outcomes (organization_id, project_id, category, outcome, reason, interval_start, interval_seconds,
    quantity, times_seen)
    select '1', project_id, 'error', 'accepted', '', date_trunc('hour', date_created), 3600, count(*), count(*)
    from events group by all;
insert into meta.runs (run_id, command, as_of, started_at, finished_at, status)
    values ('r1', 'export', '2026-11-20', '2026-11-20', '2026-11-20', 'complete');
insert into meta.coverage (run_id, slice_id, stream, request, organization_id, project_id, window_start, window_end,
    rows, status, started_at, finished_at)
    select 'r1', 's' || p || stream, stream, '', '1', p::varchar, '2026-08-22', '2026-11-20', 1, 'complete',
        '2026-11-20', '2026-11-20'
    from range({projects}) as t(p), (values ('events'), ('sessions'), ('outcomes'), ('issues')) as s(stream)
