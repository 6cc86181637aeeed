-- In which release was each open issue seen first?
select i.short_id, d.first_release
from issue_details as d
join issues as i using (organization_id, issue_id)
where i.status = 'unresolved' and i.deleted_at is null and i.merged_into_issue_id is null
order by i.short_id
limit 10;

-- Which releases brought the most issues?
select first_release, count(*) as issues
from issue_details
where first_release is not null
group by all
order by issues desc
limit 10;

-- Which issues have feedback of users? Empty where nobody sent any.
select i.short_id, d.user_report_count, d.num_comments
from issue_details as d
join issues as i using (organization_id, issue_id)
where d.user_report_count > 0
order by d.user_report_count desc, i.short_id
limit 10;
