-- One row per change of an issue's state: into resolved, into ignored, or back to open.
-- materialised: yes
-- key: organization_id, issue_id, transition
-- definition: From the activity Sentry keeps (exact times) up to when it was loaded, otherwise from the states
--   that nightly exports saw (time of the first export that saw the new state). The state that the last export
--   saw always stands at the end. Repeated resolves without a reopening between count once; a pull request that
--   names an issue does not resolve it. Issues merged into another are left out, with what they bring along, deleted
--   ones stay.
-- reconcile: select organization_id, issue_id from marts.issue_transitions
--   group by all having count(*) filter (where to_state = 'resolved')
--   > 1 + count(*) filter (where from_state = 'resolved')
-- organization_id: The organization.
-- project_id: The project.
-- issue_id: The issue.
-- transition: 1 for the first change of the issue, 2 for the next, …; not additive.
-- changed_at: When (UTC).
-- from_state: open, resolved or ignored.
-- to_state: open, resolved or ignored.
-- change: resolved, ignored, regressed (came back by itself), reopened (by a person or escalation).
-- activity_type: Sentry's word for it; null where only states were seen.
-- user_id: Who did it; null for Sentry itself or where only states were seen.
-- opened_at: First seen, or last reopening, before this change (UTC).
-- source: activity or history.
-- short_id: Id that people use.
-- title: Title as shown.
with
kept_issues as (
    select organization_id, project_id, issue_id, first_seen, short_id, title
    from issues
    where merged_into_issue_id is null
),

-- what an issue did before it was merged into one that was there, too; one that was reprocessed goes on in the new one
brought_along as (
    select activity.organization_id, merged.merged_into_issue_id as issue_id, activity.activity_id
    from issue_activity as activity
    inner join issues as merged using (organization_id, issue_id)
    inner join issue_history as kept
        on merged.organization_id = kept.organization_id
        and merged.merged_into_issue_id = kept.issue_id
        and merged._loaded_at >= kept.valid_from
),

activity_states as (
    select
        organization_id,
        issue_id,
        date_created as changed_at,
        lpad(activity_id, 40, '0') as tie,
        case
            when activity_type like 'set_resolved%' then 'resolved'
            when activity_type = 'set_ignored' then 'ignored'
            else 'open'
        end as to_state,
        activity_type,
        activity_type = 'set_regression' as is_regression,
        user_id,
        'activity' as source
    from issue_activity
    anti join brought_along using (organization_id, issue_id, activity_id)
    where activity_type in ('set_ignored', 'set_regression', 'set_unresolved', 'set_escalating')
        or (activity_type like 'set_resolved%' and activity_type <> 'set_resolved_in_pull_request')
),

with_activity as (
    select organization_id, issue_id, coalesce(max(_loaded_at), max(date_created)) as known_until
    from issue_activity
    group by all
),

-- of what the page told, all that was so before the list was read
listed_after as (
    select activity_states.organization_id, activity_states.issue_id, max(activity_states.changed_at) as last_change_at
    from activity_states
    inner join issues using (organization_id, issue_id)
    where activity_states.changed_at <= issues._loaded_at
    group by all
),

-- what an issue is in now is right, whatever activity says: it stands at the end
history_states as (
    select
        organization_id,
        issue_id,
        case when valid_to is null then greatest(valid_from, last_change_at) else valid_from end as changed_at,
        case when valid_to is null then '~' else '' end as tie,
        case status when 'resolved' then 'resolved' when 'ignored' then 'ignored' else 'open' end as to_state,
        null as activity_type,
        coalesce(substatus = 'regressed', false) as is_regression,
        null as user_id,
        'history' as source,
        row_number() over (partition by organization_id, issue_id order by valid_from) as state_number,
        known_until,
        valid_to is null as is_present
    from issue_history
    left join with_activity using (organization_id, issue_id)
    left join listed_after using (organization_id, issue_id)
),

-- the first state was there before anyone looked: it tells the state, not when it began
states as (
    select organization_id, issue_id, changed_at, tie, to_state, activity_type, is_regression, user_id, source
    from activity_states
    union all
    select organization_id, issue_id, changed_at, tie, to_state, activity_type, is_regression, user_id, source
    from history_states
    where (known_until is null and state_number > 1)
        or changed_at > known_until
        or (known_until is not null and is_present)
),

first_states as (
    select organization_id, issue_id, to_state from history_states where state_number = 1 and known_until is null
),

changes as (
    select
        states.*,
        kept_issues.project_id,
        kept_issues.first_seen,
        kept_issues.short_id,
        kept_issues.title,
        coalesce(
            lag(states.to_state) over issue_by_time, first_states.to_state, 'open'
        ) as from_state
    from states
    inner join kept_issues using (organization_id, issue_id)
    left join first_states using (organization_id, issue_id)
    window issue_by_time as (
        partition by states.organization_id, states.issue_id order by states.changed_at, states.tie
    )
),

real_changes as (
    select * from changes where from_state <> to_state
)

select
    organization_id,
    project_id,
    issue_id,
    row_number() over (partition by organization_id, issue_id order by changed_at, tie) as transition,
    changed_at,
    from_state,
    to_state,
    case
        when to_state <> 'open' then to_state
        when is_regression then 'regressed'
        else 'reopened'
    end as change,
    activity_type,
    user_id,
    coalesce(
        max(changed_at) filter (where to_state = 'open') over (
            partition by organization_id, issue_id order by changed_at, tie
            rows between unbounded preceding and 1 preceding
        ),
        first_seen
    ) as opened_at,
    source,
    short_id,
    title
from real_changes
