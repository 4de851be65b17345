/** Jobs in Postgres. */

import { literal, type Migration } from '../postgres-tables.ts';

/** The channel that tells workers of new jobs, after the prefix of the schema. */
export const CHANNEL = 'jobs';

export const TABLES: Migration = {
	name: 'jobs',
	steps: [
		(schema) => {
			const wake = `perform pg_notify(${literal(`${schema.slice(1, -1)}_${CHANNEL}`)}, '');`;
			return `
create table ${schema}.jobs (
	id bigint generated always as identity primary key,
	name text not null check (name <> ''),
	key text,
	payload jsonb,
	state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'dead')),
	-- When somebody may begin it: a running one when its claim has ended; null = never.
	due timestamptz default clock_timestamp(),
	attempts int not null default 0,
	most int check (most > 0),
	-- The claim of who runs it.
	token uuid,
	error text,
	at timestamptz not null default clock_timestamp(),
	changed timestamptz not null default clock_timestamp()
);
create unique index jobs_key on ${schema}.jobs (name, key);
create index jobs_due on ${schema}.jobs (name, due) where due is not null;
create index jobs_over on ${schema}.jobs (changed) where due is null;

create function ${schema}.enqueue(
	name text, payload jsonb default null, key text default null,
	due timestamptz default null, attempts int default null
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
	of_name alias for name;
	of_key alias for key;
	found_id bigint;
begin
	loop
		insert into ${schema}.jobs as job (name, key, payload, due, most)
		values (of_name, of_key, payload, coalesce(due, clock_timestamp()), attempts)
		on conflict do nothing returning job.id into found_id;
		if found_id is not null then
			${wake}
			return found_id;
		end if;
		-- A job has had this key: it is that one.
		select job.id into found_id from ${schema}.jobs as job
		where job.name = of_name and job.key = of_key;
		if found_id is not null then return found_id; end if;
	end loop;
end $$;

-- Claims jobs of the names that are handled, and those of instances that have ended in the middle.
-- Of the latter, those that have had their last attempt are returned as dead.
create function ${schema}.claim_jobs(names text[], most_of int[], wanted int, lease double precision)
	returns setof ${schema}.jobs language plpgsql as $$
begin
	return query update ${schema}.jobs as job
	set state = 'dead', due = null, token = null, changed = clock_timestamp(),
		error = coalesce(job.error, 'Whoever ran it has ended in the middle of it.')
	where job.id in (
		select late.id from ${schema}.jobs as late, unnest(names, most_of) as handled (name, most)
		where late.name = handled.name and late.due <= clock_timestamp()
			and late.attempts >= coalesce(late.most, handled.most)
		for update of late skip locked
	) returning job.*;
	return query update ${schema}.jobs as job
	set state = 'running', token = gen_random_uuid(), attempts = job.attempts + 1,
		due = clock_timestamp() + lease * interval '1 millisecond', changed = clock_timestamp()
	where job.id in (
		select free.id from ${schema}.jobs as free
		where free.name = any(names) and free.due <= clock_timestamp()
		order by free.due limit wanted for update skip locked
	)
	returning job.*;
end $$;

-- A job with a key is remembered, so that it is not done again. Only who holds the claim ends it.
create function ${schema}.complete_job(of_id bigint, of_token uuid) returns boolean
	language plpgsql as $$
begin
	delete from ${schema}.jobs where id = of_id and token = of_token and key is null;
	if found then return true; end if;
	update ${schema}.jobs
	set state = 'done', due = null, token = null, error = null, changed = clock_timestamp()
	where id = of_id and token = of_token;
	return found;
end $$;

-- It is tried again after a pause, unless that was the last attempt; a null pause ends it in any case.
create function ${schema}.fail_job(
	of_id bigint, of_token uuid, message text, most_of int, pause double precision
) returns text language plpgsql as $$
declare
	now_is text;
begin
	update ${schema}.jobs set
		state = case when pause is null or attempts >= coalesce(most, most_of) then 'dead' else 'waiting' end,
		due = case when pause is null or attempts >= coalesce(most, most_of) then null
			else clock_timestamp() + pause * interval '1 millisecond' end,
		token = null, error = message, changed = clock_timestamp()
	where id = of_id and token = of_token returning state into now_is;
	return now_is;
end $$;

-- Whoever goes away in the middle of jobs hands them back, and the attempt does not count.
create function ${schema}.return_jobs(ids bigint[], tokens uuid[]) returns void
	language plpgsql as $$
begin
	update ${schema}.jobs as job
	set state = 'waiting', due = clock_timestamp(), token = null, attempts = job.attempts - 1,
		changed = clock_timestamp()
	from unnest(ids, tokens) as mine (id, token) where job.id = mine.id and job.token = mine.token;
	if found then ${wake} end if;
end $$;
`;
		}
	]
};
