/** Claims and calls in Postgres, by its own time. */

import type { Migration } from '../postgres-tables.ts';

export const TABLES: Migration = {
	name: 'postgres-idempotency',
	steps: [
		(schema) => `
create table ${schema}.claims (
	id text primary key,
	owner text not null,
	is_done boolean not null,
	until timestamptz not null
);
create index claims_until on ${schema}.claims (until);
create table ${schema}.calls (
	id text primary key,
	owner text not null,
	-- Until when its owner is thought to run it, and until when anything is known of it.
	held timestamptz not null,
	reply text,
	until timestamptz not null
);
create index calls_until on ${schema}.calls (until);

create function ${schema}.after_ms(ms double precision) returns timestamptz language sql as $$
	select clock_timestamp() + ms * interval '1 millisecond'
$$;

create function ${schema}.claim_once(of_id text, of_owner text, ms double precision) returns text
	language plpgsql as $$
declare
	was_done boolean;
begin
	loop
		insert into ${schema}.claims as held values (of_id, of_owner, false, ${schema}.after_ms(ms))
		on conflict (id) do update
			set owner = excluded.owner, is_done = false, until = excluded.until
			where held.until <= clock_timestamp();
		if found then return 'first'; end if;
		select is_done into was_done from ${schema}.claims where id = of_id;
		-- Else it was let go meanwhile.
		if found then return case when was_done then 'done' else 'running' end; end if;
	end loop;
end $$;

create function ${schema}.done_once(of_id text, of_owner text, ms double precision) returns void
	language sql as $$
	insert into ${schema}.claims as held values (of_id, of_owner, true, ${schema}.after_ms(ms))
	on conflict (id) do update
		set owner = excluded.owner, is_done = true, until = excluded.until
		where held.owner = of_owner or held.until <= clock_timestamp()
$$;

-- The call as it is, or as nobody knows it, locked until the end of the transaction.
create function ${schema}.the_call(of_id text, of_owner text) returns ${schema}.calls
	language plpgsql as $$
declare
	call ${schema}.calls;
begin
	loop
		insert into ${schema}.calls as kept values (of_id, of_owner, '-infinity', null, 'infinity')
		on conflict (id) do update
			set owner = excluded.owner, reply = null, until = excluded.until
			where kept.until <= clock_timestamp();
		select * into call from ${schema}.calls where id = of_id for update;
		if found then return call; end if;
	end loop;
end $$;

create function ${schema}.hold_call(
	of_id text, of_owner text, lease double precision, retention double precision,
	out state text, out reply text
) language plpgsql as $$
declare
	call ${schema}.calls := ${schema}.the_call(of_id, of_owner);
begin
	reply := call.reply;
	if call.reply is not null then
		state := 'done';
	elsif call.owner <> of_owner then
		state := case when call.held > clock_timestamp() then 'running' else 'lost' end;
	else
		state := 'first';
		update ${schema}.calls set held = ${schema}.after_ms(lease), until = ${schema}.after_ms(retention)
		where id = of_id;
	end if;
end $$;

create function ${schema}.commit_call(
	of_id text, of_owner text, of_reply text, retention double precision
) returns boolean language plpgsql as $$
declare
	call ${schema}.calls := ${schema}.the_call(of_id, of_owner);
begin
	if call.owner <> of_owner then return false; end if;
	update ${schema}.calls
	set reply = coalesce(call.reply, of_reply), until = ${schema}.after_ms(retention) where id = of_id;
	return true;
end $$;
`
	]
};
