-- Which version of the tables is this?
select value
from meta.settings
where name = 'schema_version';

-- What is remembered between runs?
select name, length(value) as characters
from meta.settings
order by name;

-- Was an objective for crash-free sessions set? Empty where the usual one holds.
select value
from meta.settings
where name = 'crash_free_objective';
