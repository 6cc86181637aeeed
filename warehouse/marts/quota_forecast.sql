-- One row per organization, project and category with accepted data in this or the last calendar month (UTC).
-- materialised: yes
-- key: organization_id, project_id, category
-- definition: Forecast = accepted this month so far + mean per day of the last 7 full days (fewer where the
--   organization's counts do not reach back so far) x days from the newest run's as_of to the end of the month.
--   Additive over projects, never over categories.
-- reconcile: select organization_id, category, sum(quantity) from outcomes where outcome = 'accepted'
--   and interval_start >= (select date_trunc('month', max(as_of)) from meta.runs)
--   and interval_start < (select max(as_of) from meta.runs) group by all
--   except select organization_id, category, sum(month_to_date) from marts.quota_forecast group by all
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- category: Kind of data: error, transaction, attachment, …
-- month: First day of the month of the newest run's as_of.
-- month_to_date: Accepted this month up to as_of; additive within a category.
-- mean_per_day_7d: Mean accepted per day over the last 7 full days; additive within a category.
-- days_left: Days from as_of to the end of the month, with a fraction, the same in every row; not additive.
-- forecast: Expected for the whole month; additive within a category.
-- last_month: Accepted in the month before, as far as counts reach back; additive within a category.
-- change_ratio: forecast / last_month - 1; null where last month had none; not additive.
with
newest_run as (
    select
        max(as_of) as as_of,
        date_trunc('month', max(as_of)) as month_start,
        date_trunc('month', max(as_of)) + interval 1 month as month_end,
        date_trunc('day', max(as_of)) as today
    from meta.runs
),

known_days as (
    select
        outcomes.organization_id,
        greatest(least(date_diff('day', min(outcomes.interval_start), any_value(newest_run.today)), 7), 1) as days
    from outcomes
    cross join newest_run
    group by all
),

sums as (
    select
        outcomes.organization_id,
        outcomes.project_id,
        outcomes.category,
        newest_run.month_start::date as month,
        try_cast(coalesce(sum(outcomes.quantity) filter (
            where outcomes.interval_start >= newest_run.month_start
            and outcomes.interval_start < newest_run.as_of
        ), 0) as bigint) as month_to_date,
        coalesce(sum(outcomes.quantity) filter (
            where outcomes.interval_start >= newest_run.today - interval 7 day
            and outcomes.interval_start < newest_run.today
        ), 0)::double as last_7_days,
        try_cast(coalesce(sum(outcomes.quantity) filter (
            where outcomes.interval_start >= newest_run.month_start - interval 1 month
            and outcomes.interval_start < newest_run.month_start
        ), 0) as bigint) as last_month,
        date_diff('second', newest_run.as_of, newest_run.month_end) / 86400.0 as days_left
    from outcomes
    cross join newest_run
    where outcomes.outcome = 'accepted'
        and outcomes.interval_start >= newest_run.month_start - interval 1 month
        and outcomes.interval_start < newest_run.as_of
    group by
        outcomes.organization_id, outcomes.project_id, outcomes.category,
        newest_run.month_start, newest_run.as_of, newest_run.month_end
),

forecasts as (
    select
        sums.*,
        sums.last_7_days / known_days.days as mean_per_day_7d,
        sums.month_to_date + sums.last_7_days / known_days.days * sums.days_left as forecast
    from sums
    inner join known_days on sums.organization_id = known_days.organization_id
)

select
    forecasts.organization_id,
    forecasts.project_id,
    coalesce(project_names.project_slug, forecasts.project_id) as project_slug,
    forecasts.category,
    forecasts.month,
    forecasts.month_to_date,
    forecasts.mean_per_day_7d::double as mean_per_day_7d,
    forecasts.days_left::double as days_left,
    forecasts.forecast::double as forecast,
    forecasts.last_month,
    case when forecasts.last_month > 0 then forecasts.forecast / forecasts.last_month - 1 end::double as change_ratio
from forecasts
left join marts.project_names as project_names
    on forecasts.organization_id = project_names.organization_id
    and forecasts.project_id = project_names.project_id
