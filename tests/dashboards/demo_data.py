"""A made-up organization in the declared tables: same rows for the same arguments, shaped like a real one."""
# ruff: noqa: E501 (rows of values)

from __future__ import annotations

from pathlib import Path

import duckdb

from extractors.stream import all_streams
from extractors.streams import discover, issues
from warehouse.bookkeeping import BOOKKEEPING
from warehouse.mart_files import create_marts
from warehouse.schema import Table, create_statements, history_table

AS_OF = "2026-11-20 03:00:00"

# r(key, n): a number from 0 to 1 that depends on its arguments only
SETUP = """
create macro r(key, n) as (hash(key::varchar || '#' || n::varchar) % 1000003) / 1000003.0;
create macro as_of() as timestamp '{as_of}';
"""

PROJECTS = """
create temp table demo_projects as
select * from (values
    (1, 'storefront', 'javascript-react', 'web', 10.0, 1),
    (2, 'checkout-api', 'python-django', 'payments', 6.0, 1),
    (3, 'mobile-ios', 'apple-ios', 'mobile', 4.5, 1),
    (4, 'mobile-android', 'android', 'mobile', 5.5, 1),
    (5, 'search', 'go', 'platform', 2.0, 0),
    (6, 'payments', 'java-spring-boot', 'payments', 2.6, 0),
    (7, 'notifications', 'node', 'platform', 1.6, 0),
    (8, 'admin', 'javascript-vue', 'web', 1.0, 1),
    (9, 'auth', 'rust', 'platform', 0.8, 0),
    (10, 'recommendations', 'python', 'data', 1.1, 0),
    (11, 'image-service', 'go', 'platform', 0.5, 0),
    (12, 'data-pipeline', 'python-celery', 'data', 0.9, 0)
) as p(n, slug, platform, team, weight, has_sessions);

insert into organizations (organization_id, slug, name) values ('1', 'acme', 'Acme Shop');
insert into projects (organization_id, project_id, slug, name, platform)
select '1', (100 + n)::varchar, slug, slug, platform from demo_projects;
insert into project_teams (organization_id, project_id, team_id, team_slug, team_name)
select '1', (100 + n)::varchar, (hash(team) % 1000)::varchar, team, team from demo_projects;
insert into project_environments (organization_id, project_id, environment)
select '1', (100 + n)::varchar, unnest(['production', 'staging', 'development']) from demo_projects;
"""

RELEASES = """
create temp table demo_releases as
select
    p.n as project, p.slug, k,
    p.slug || '@' || (3 + k // 10) || '.' || (k % 10) || '.' || (r(p.slug, k) * 4)::int as version,
    as_of() - interval 95 day + to_hours((k * (5 + p.n % 4) * 24 + 9 + (r(p.slug || 'h', k) * 8)::int)::int)
        as released_at,
    -- now and then a release is bad
    case when r(p.slug || 'bad', k) > 0.86 then 2.6 when r(p.slug || 'bad', k) < 0.2 then 0.8 else 1.0 end as noise
from demo_projects as p, range(20) as releases(k)
where as_of() - interval 95 day + to_days((k * (5 + p.n % 4))::int) < as_of() - interval 10 hour;

insert into releases (organization_id, release_id, version, short_version, date_created, date_released, status)
select '1', (project * 1000 + k)::varchar, version, split_part(version, '@', 2), released_at, released_at, 'open'
from demo_releases;
insert into release_projects (organization_id, release_id, version, project_id, project_slug, new_groups)
select '1', (project * 1000 + k)::varchar, version, (100 + project)::varchar, slug, 0 from demo_releases;

-- which release is live on a day: the newest, while a part still runs the one before
create temp table demo_days as
select as_of()::date - i::int as day, i from range(0, 181) as days(i);
create temp table live_releases as
select d.day, e.project, e.slug, e.version, e.noise,
    row_number() over (partition by d.day, e.project order by e.released_at desc) as place,
    date_diff('day', e.released_at::date, d.day) as age
from demo_days as d inner join demo_releases as e on e.released_at::date <= d.day
qualify place <= 4;
"""

ISSUES = """
create temp table demo_titles as
select row_number() over () - 1 as t, * from (values
    ('TypeError: Cannot read properties of undefined (reading ''price'')', 'components/CartLine in render'),
    ('ConnectionError: HTTPSConnectionPool: Max retries exceeded', 'gateway.client in charge'),
    ('IntegrityError: duplicate key value violates unique constraint "orders_pkey"', 'orders.models in save'),
    ('TimeoutError: upstream took longer than 30s', 'middleware.proxy in forward'),
    ('NullPointerException: Parameter specified as non-null is null', 'com.acme.cart.CartFragment in onCreateView'),
    ('EXC_BAD_ACCESS: Attempted to dereference garbage pointer', 'CheckoutViewController in layoutSubviews'),
    ('OperationalError: could not obtain connection from pool', 'django.db.backends in connect'),
    ('ChunkLoadError: Loading chunk 42 failed', 'webpack/runtime in requireChunk'),
    ('KeyError: ''currency''', 'pricing.tasks in convert'),
    ('ValueError: time data does not match format', 'imports.parsers in parse_date'),
    ('panic: runtime error: index out of range [3] with length 3', 'search/rank.go in score'),
    ('RateLimitExceeded: 429 from mail provider', 'notifications/send in deliver'),
    ('ANR: Background ANR, input dispatching timed out', 'com.acme.feed.FeedActivity in onResume'),
    ('UnhandledRejection: Network request failed', 'api/fetcher in request'),
    ('DoesNotExist: Coupon matching query does not exist', 'promotions.views in apply'),
    ('OutOfMemoryError: Failed to allocate a 48 MB bitmap', 'com.acme.image.Loader in decode'),
    ('JSONDecodeError: Expecting value: line 1 column 1 (char 0)', 'webhooks.views in receive'),
    ('PermissionDenied: token has no scope orders:write', 'auth.guards in require_scope'),
    ('WatchdogTermination: app used too much memory', 'mobile-ios in main'),
    ('DeadlockDetected: process 4412 waits for ShareLock', 'stock.services in reserve')
) as v(title, culprit);

create temp table demo_issues as
with numbered as (
    select i, r('project', i) as pick, r('first', i) as f, r('weight', i) as w, r('life', i) as l, r('fate', i) as fate
    from range(420) as issues(i)
),
placed as (
    select numbered.*, p.n as project, p.slug, p.weight, p.team,
        row_number() over (partition by i order by cumulative) as choice
    from numbered
    inner join (
        select *, sum(weight) over (order by n) / sum(weight) over () as cumulative from demo_projects
    ) as p on numbered.pick <= p.cumulative
    qualify choice = 1
)
select
    i, project, slug, team, weight, fate, w,
    as_of() - to_seconds((f * 150 * 86400)::int + 7200) as first_seen,
    greatest(2, case when l > 0.6 then 200 * l else 3 + 50 * l end) as life_days,
    1.5 / (0.012 + w) as rate,
    (hash('t' || i) % 20)::int as t
from placed;
"""

EVENTS = """
create temp table issue_days as
select
    d.day, s.*, greatest(0, date_diff('day', s.first_seen::date, d.day)) as age,
    s.rate * {scale}
        * (case when isodow(d.day) >= 6 then 0.55 else 1.0 end)
        * (0.7 + 0.6 * r('day' || s.project, d.day))
        * exp(-date_diff('day', s.first_seen::date, d.day) / s.life_days)
        * coalesce((select max(noise) from live_releases as l
            where l.day = d.day and l.project = s.project and l.place = 1 and l.age < 3), 1.0) as expected
from demo_issues as s
inner join demo_days as d on d.day >= s.first_seen::date and d.i <= 90
where date_diff('day', s.first_seen::date, d.day) < 2.5 * s.life_days;

create temp table demo_events as
with numbered as (
    select i, day, project, slug, t, w, age, first_seen,
        unnest(range((floor(expected + r('n' || i, day)))::bigint)) as k
    from issue_days
),
timed as (
    select *, i || '/' || day || '/' || k as key from numbered
),
hours as (
    select *,
        greatest(
            day::timestamp + to_seconds(
                (((6 + 24 * (r(key, 1) + r(key, 2) + r(key, 3)) / 3) % 24) * 3600 + r(key, 4) * 59)::int
            ),
            first_seen
        ) as created
    from timed
)
select
    md5(key) as event_id, i, project, slug, t, created,
    case when r(key, 5) < 0.86 then 'production' when r(key, 5) < 0.95 then 'staging' else 'development' end
        as environment,
    case when w < 0.1 then 'fatal' when w > 0.9 then 'warning' else 'error' end as level,
    case when r(key, 6) < 0.8 then 'u' || (floor(4000 * r(key, 7) * r(key, 8)))::int end as user_id,
    case when r(key, 9) < 0.72 then 1 when r(key, 9) < 0.9 then 2 else 3 end as place
from hours
where created < as_of() - interval 10 minute;

insert into events (organization_id, event_id, issue_id, project_id, event_type, title, culprit, platform, level,
    environment, release, user_id, date_created, date_received)
select '1', e.event_id, (5000 + e.i)::varchar, (100 + e.project)::varchar, 'error', titles.title, titles.culprit,
    p.platform, e.level, e.environment, l.version, e.user_id, e.created, e.created + interval 2 second
from demo_events as e
inner join demo_projects as p on e.project = p.n
inner join demo_titles as titles on e.t = titles.t
left join live_releases as l on l.day = e.created::date and l.project = e.project and l.place = e.place;

insert into issues (organization_id, issue_id, short_id, project_id, title, culprit, level, status, substatus,
    priority, issue_type, issue_category, assigned_to_type, assigned_to_id, assigned_to_name, event_count, user_count,
    first_seen, last_seen, permalink)
with seen as (
    select i, count(*) as events, count(distinct user_id) as users, max(created) as last_seen, any_value(level) as level
    from demo_events group by all
),
people as (select ['Ada Lovelace', 'Grace Hopper', 'Alan Turing', 'Edsger Dijkstra', 'Barbara Liskov'] as names)
select '1', (5000 + s.i)::varchar, upper(s.slug) || '-' || upper(to_base(s.i + 40, 36)), (100 + s.project)::varchar,
    titles.title, titles.culprit, coalesce(seen.level, 'error'),
    case when s.fate < 0.48 then 'resolved' when s.fate < 0.58 then 'ignored' else 'unresolved' end,
    case
        when s.fate < 0.48 then null when s.fate < 0.58 then 'archived_until_escalating'
        when s.fate > 0.96 then 'regressed' when s.first_seen > as_of() - interval 7 day then 'new' else 'ongoing'
    end,
    case when s.w < 0.15 then 'high' when s.w < 0.7 then 'medium' else 'low' end, 'error', 'error',
    case when r('assigned', s.i) < 0.3 then 'user' when r('assigned', s.i) < 0.4 then 'team' end,
    case when r('assigned', s.i) < 0.4 then (hash('a' || s.i) % 5)::varchar end,
    case
        when r('assigned', s.i) < 0.3 then people.names[1 + (hash('a' || s.i) % 5)::int]
        when r('assigned', s.i) < 0.4 then s.team
    end,
    coalesce(seen.events, 1), coalesce(seen.users, 0), s.first_seen, coalesce(seen.last_seen, s.first_seen),
    'https://acme.sentry.example/issues/' || (5000 + s.i) || '/'
from demo_issues as s
inner join demo_titles as titles on s.t = titles.t
left join seen on s.i = seen.i
cross join people;
"""

ACTIVITY = """
insert into issue_activity (organization_id, issue_id, project_id, activity_id, activity_type, date_created, user_id)
with happened as (
    select i, project, 0 as n, 'first_seen' as kind, 0.0 as hours, null as user_id from demo_issues
    union all
    select i, project, 1, 'assigned', 0.2 + 60 * pow(r('response', i), 4), (hash('a' || i) % 5)::varchar
    from demo_issues where r('assigned', i) < 0.55
    union all
    select i, project, 2, 'set_resolved_in_release', 3 + 700 * pow(r('resolve', i), 3), (hash('a' || i) % 5)::varchar
    from demo_issues where fate < 0.48 or fate > 0.96
    union all
    select i, project, 3, 'set_regression', 900 + 200 * r('regress', i), null
    from demo_issues where fate > 0.96 or fate < 0.06
    union all
    select i, project, 4, 'set_resolved', 1150 + 400 * r('again', i), (hash('b' || i) % 5)::varchar
    from demo_issues where fate < 0.06
    union all
    select i, project, 5, 'set_ignored', 20 + 300 * r('ignore', i), (hash('b' || i) % 5)::varchar
    from demo_issues where fate >= 0.48 and fate < 0.58
)
select '1', (5000 + i)::varchar, (100 + happened.project)::varchar, (i * 10 + n)::varchar, kind,
    first_seen + to_seconds((hours * 3600)::int), user_id
from happened inner join demo_issues using (i)
where first_seen + to_seconds((hours * 3600)::int) < as_of();
"""

SESSIONS = """
insert into sessions (organization_id, project_id, release, environment, session_status, interval_start,
    interval_seconds, session_count, user_count)
with shares as (
    select l.*, p.weight,
        case
            when place = 1 then least(0.9, 0.25 + 0.2 * age) when place = 2 then 0.45 when place = 3 then 0.08 else 0.04
        end as share
    from live_releases as l inner join demo_projects as p on l.project = p.n
    where p.has_sessions = 1 and l.day > as_of()::date - 91 and l.day < as_of()::date
),
counts as (
    select *, unnest(['production', 'staging']) as environment from shares
),
sized as (
    select *,
        (weight * 2600 * share * (case environment when 'production' then 1.0 else 0.03 end)
            * (case when isodow(day) >= 6 then 1.2 else 1.0 end) * (0.9 + 0.2 * r(version, day)))::bigint as sessions,
        0.0022 * noise * noise * (0.6 + 0.8 * r(version || 'c', day)) as crash_rate
    from counts
)
select '1', (100 + project)::varchar, version, environment,
    unnest(['healthy', 'errored', 'abnormal', 'crashed']), day::timestamp, 86400,
    unnest([
        sessions - round(sessions * 0.03)::bigint - round(sessions * 0.001)::bigint
            - round(sessions * crash_rate)::bigint,
        round(sessions * 0.03)::bigint, round(sessions * 0.001)::bigint, round(sessions * crash_rate)::bigint
    ]),
    null
from sized where sessions > 0;

insert into session_health (organization_id, project_id, release, environment, interval_start, interval_seconds,
    session_count, user_count, crash_free_session_rate, crash_free_user_rate)
select organization_id, project_id, release, environment, interval_start, 86400, sum(session_count),
    (sum(session_count) * 0.55)::bigint,
    1 - sum(session_count) filter (where session_status = 'crashed') / sum(session_count),
    1 - 1.5 * sum(session_count) filter (where session_status = 'crashed') / sum(session_count)
from sessions group by all;
"""

OUTCOMES = """
insert into outcomes (organization_id, project_id, category, outcome, reason, interval_start, interval_seconds,
    quantity, times_seen)
with accepted as (
    select project, date_trunc('hour', created) as hour, count(*) as events from demo_events group by all
),
kinds as (
    select * from (values
        ('error', 'accepted', 'none', 1.0), ('error', 'filtered', 'browser-extensions', 0.06),
        ('error', 'filtered', 'web-crawlers', 0.03), ('error', 'filtered', 'localhost', 0.015),
        ('error', 'filtered', 'error-message', 0.02), ('error', 'rate_limited', 'key_quota', 0.05),
        ('error', 'rate_limited', 'org_quota', 0.01), ('error', 'invalid', 'too_large', 0.004), ('error', 'abuse', 'none', 0.002),
        ('error', 'client_discard', 'before_send', 0.05), ('error', 'client_discard', 'sample_rate', 0.08),
        ('transaction', 'accepted', 'none', 40.0), ('attachment', 'accepted', 'none', 2200.0)
    ) as k(category, outcome, reason, ratio)
),
counted as (
    select *, floor(events * ratio + r(project || reason || category, hour))::bigint as quantity
    from accepted cross join kinds
)
select '1', (100 + project)::varchar, category, outcome, reason, hour, 3600, quantity, quantity
from counted where quantity > 0;
"""

BOOKKEEPING_ROWS = """
insert into meta.runs (run_id, command, as_of, started_at, finished_at, status)
values ('r1', 'export', as_of(), as_of(), as_of() + interval 6 minute, 'complete');

insert into meta.cursors (stream, request, organization_id, project_id, watermark, run_id)
select stream, request, '1', (100 + n)::varchar, as_of() - interval 10 minute, 'r1'
from demo_projects, (values ('events', ''), ('outcomes', ''), ('sessions', ''), ('sessions', 'health'), ('issues', ''))
    as s(stream, request);

insert into meta.coverage (run_id, slice_id, stream, request, organization_id, project_id, window_start, window_end,
    requests, rows, status, expected, loaded, reason, started_at, finished_at)
select 'r1', stream || request || n, stream, request, '1', (100 + n)::varchar,
    as_of()::date - 90, as_of() - interval 10 minute, 10, 1000, 'complete', null, null, null,
    as_of(), as_of() + interval 2 minute
from demo_projects, (values ('events', ''), ('outcomes', ''), ('sessions', ''), ('sessions', 'health'), ('issues', ''))
    as s(stream, request)
union all
select 'r1', stream, stream, '', '1', null, null, as_of(), 1, 12, 'complete', null, null, null, as_of(),
    as_of() + interval 1 minute
from (values ('projects'), ('teams'), ('releases'), ('organizations')) as s(stream)
union all
select 'r1', 'members', 'members', '', '1', null, null, as_of(), 1, 0, 'forbidden', null, null,
    'The token lacks member:read. Grant it, or switch the stream off.', as_of(), as_of() + interval 1 minute
union all
select 'r1', 'audit' || project || day, 'events', 'audit', '1', (100 + project)::varchar, day::timestamp,
    day::timestamp + interval 1 day, 1, 1, case when short then 'partial' else 'complete' end,
    events + case when short then 1 + events // 20 else 0 end, events,
    case when short then 'Sentry counts more events than it lists; read again every night.' end,
    as_of(), as_of() + interval 4 minute
from (
    select project, created::date as day, count(*) as events, r('short' || project, created::date) > 0.985 as short
    from demo_events where created::date < as_of()::date group by all
) as days
union all
select 'r1', 'discover' || created::date, 'discover', 'errors', '1', null, created::date::timestamp,
    created::date::timestamp + interval 1 day, 1, 1, 'complete', count(*), count(*), null, as_of(),
    as_of() + interval 5 minute
from demo_events where created::date < as_of()::date group by created::date;
"""

NOTHING_MISSING = """
update meta.coverage
set status = 'complete', expected = loaded, reason = null, rows = case stream when 'members' then 12 else rows end;
"""


def declared_tables() -> tuple[Table, ...]:
    """Every table an export makes, with the default Discover queries."""
    requests = [request for stream in all_streams() for request in stream.requests]
    requests += discover.configure(discover.DEFAULT_QUERIES)
    tables = {table.name: table for request in requests for table in request.tables}
    tables |= {table.name: table for table in (issues.ISSUE_DETAILS, issues.ISSUE_ACTIVITY)}
    tables |= {table.history: history_table(table) for table in list(tables.values()) if table.history}
    return (*tables.values(), *BOOKKEEPING)


def make_demo(
    file: Path, *, scale: float = 1.0, empty: bool = False, whole: bool = False, as_of: str = AS_OF
) -> None:
    """Writes a published file; scale 1 is about 60,000 events of 12 projects over 90 days.

    Unless it is `whole`, some days lack events and the token may not read members.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{file}' as sentry (storage_version 'v1.2.0')")
        connection.execute("use sentry")
        connection.execute("create schema meta")
        for table in declared_tables():
            for statement in create_statements(table):
                connection.execute(statement)
        if not empty:
            _fill(connection, scale, as_of)
            if whole:
                connection.execute(NOTHING_MISSING)
        create_marts(connection)
        connection.execute("use memory")
        connection.execute("detach sentry")


def _fill(connection: duckdb.DuckDBPyConnection, scale: float, as_of: str) -> None:
    connection.execute("create schema memory.demo; set search_path = 'sentry.main,memory.demo'")
    for statement in SETUP.replace("{as_of}", as_of).strip().splitlines():
        connection.execute(statement.replace("create macro", "create temp macro"))
    events = EVENTS.replace("{scale}", str(scale))
    for part in (PROJECTS, RELEASES, ISSUES, events, ACTIVITY, SESSIONS, OUTCOMES, BOOKKEEPING_ROWS):
        connection.execute(part)
    connection.execute("reset search_path")
    connection.execute("use sentry")
