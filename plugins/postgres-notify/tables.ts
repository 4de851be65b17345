/** What the bridge keeps in Postgres: events, in the order in which their transactions committed. */

import { literal, type Migration } from '../postgres-tables.ts';

/** Advisory locks of it are taken with the table of events, so that each schema has its own. */
export const NUMBERING = 7_245_202;
export const READING = 7_245_203;

/**
 * Numbers are drawn at commit, under a lock that is held until the transaction is visible to all: so
 * whoever sees a number sees all those before it, and nobody waits for a transaction that is not at
 * its end. A sequence alone counts in the order of inserts, and a reader would pass by what commits
 * later.
 */
export const TABLES: Migration = {
	name: 'postgres-notify',
	steps: [
		(schema) => `
create table ${schema}.events (
	id bigint generated always as identity primary key,
	number bigint unique,
	topic text not null check (topic <> ''),
	event text not null check (event <> '' and length(event) <= 256),
	data jsonb,
	at timestamptz not null default clock_timestamp()
);
create sequence ${schema}.events_number;
create table ${schema}.readers (name text primary key, number bigint not null);
insert into ${schema}.readers values ('events', 0);

create function ${schema}.number_event() returns trigger language plpgsql
	security definer set search_path = pg_catalog, pg_temp as $$
begin
	perform pg_advisory_xact_lock(${NUMBERING}, tg_relid::int);
	update ${schema}.events set number = nextval(${literal(`${schema}.events_number`)}) where id = new.id;
	perform pg_notify(${literal(schema.slice(1, -1))} || '_events', '');
	return null;
end $$;
create constraint trigger number after insert on ${schema}.events
	deferrable initially deferred for each row execute function ${schema}.number_event();

create function ${schema}.publish(topic text, event text, data jsonb default null) returns void
	language sql security definer set search_path = pg_catalog, pg_temp as $$
	insert into ${schema}.events (topic, event, data) values (topic, event, data)
$$;

-- A topic with the values of a row's columns in it; null where one of them is, or there is no row.
create function ${schema}.topic_of(template text, item jsonb) returns text
	language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
	name text;
	topic text := case when item is not null then template end;
begin
	for name in select matched[1] from regexp_matches(template, '\\{(\\w+)\\}', 'g') as matched loop
		topic := replace(topic, '{' || name || '}', item ->> name);
	end loop;
	return topic;
end $$;

-- The row as it is published: all of it, or some of its columns.
create function ${schema}.columns_of(item jsonb, columns text[]) returns jsonb
	language sql immutable set search_path = pg_catalog, pg_temp as $$
	select case when columns is null then item
		else (select jsonb_object_agg(name, item -> name) from unnest(columns) as name) end
$$;

create function ${schema}.watched() returns trigger language plpgsql
	security definer set search_path = pg_catalog, pg_temp as $$
declare
	key text := tg_argv[1];
	columns text[] := nullif(tg_argv[2], '')::text[];
	before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
	after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
	left_topic text := ${schema}.topic_of(tg_argv[0], before);
	topic text := ${schema}.topic_of(tg_argv[0], after);
begin
	if left_topic = topic and before -> key = after -> key then
		if ${schema}.columns_of(before, columns) <> ${schema}.columns_of(after, columns) then
			perform ${schema}.publish(topic, 'updated', ${schema}.columns_of(after, columns));
		end if;
		return null;
	end if;
	-- A row that has another key, or belongs to another topic now, has left its old place.
	if left_topic is not null then
		perform ${schema}.publish(left_topic, 'deleted', jsonb_build_object(key, before -> key));
	end if;
	if topic is not null then
		perform ${schema}.publish(topic, 'created', ${schema}.columns_of(after, columns));
	end if;
	return null;
end $$;

create function ${schema}.emptied() returns trigger language plpgsql
	security definer set search_path = pg_catalog, pg_temp as $$
begin
	execute format(
		'select ${schema}.publish(topic, ''deleted'', jsonb_build_object(%2$L::text, item -> %2$L))
		from (select item, ${schema}.topic_of(%1$L, item) as topic
			from (select to_jsonb(every) as item from %3$I.%4$I as every) as items) as rows
		where topic is not null',
		tg_argv[0], tg_argv[1], tg_table_schema, tg_table_name);
	return null;
end $$;

create function ${schema}.watch(
	target regclass, topic text, key text default 'id', columns text[] default null
) returns void language plpgsql as $$
declare
	name text;
	trigger text := 'realtime:' || left(md5(topic), 12);
begin
	for name in
		select key union select unnest(columns) union
		select matched[1] from regexp_matches(topic, '\\{(\\w+)\\}', 'g') as matched
	loop
		if not exists (select from pg_attribute where attrelid = target
			and attname = name and attnum > 0 and not attisdropped) then
			raise undefined_column using message = format('%s has no column %I.', target, name);
		end if;
	end loop;
	if columns is not null and not key = any(columns) then
		raise invalid_parameter_value using
			message = format('The columns that are published have to have the key, %I.', key);
	end if;
	perform ${schema}.unwatch(target, topic);
	execute format('create trigger %I after insert or update or delete on %s
		for each row execute function ${schema}.watched(%L, %L, %L)',
		trigger, target, topic, key, coalesce(columns::text, ''));
	execute format('create trigger %I before truncate on %s
		for each statement execute function ${schema}.emptied(%L, %L)',
		trigger || '-', target, topic, key);
end $$;

create function ${schema}.unwatch(target regclass, topic text) returns void language plpgsql as $$
declare
	trigger text := 'realtime:' || left(md5(topic), 12);
begin
	execute format('drop trigger if exists %I on %s', trigger, target);
	execute format('drop trigger if exists %I on %s', trigger || '-', target);
end $$;
`
	]
};
