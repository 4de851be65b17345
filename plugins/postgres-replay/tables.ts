/** The log of topics in Postgres: where each stands, and its latest frames. */

import { literal, type Migration } from '../postgres-tables.ts';

/** The latest frames among which a repeated publish is looked for. */
const SEARCHED = 256;
/** Frames by whose number the log is trimmed. */
const SLACK = 64;
/** Epochs that are remembered with where each ended. */
const LINEAGE = 8;
/** Advisory lock of those who publish under names that others may publish under too. */
const NAMED = 7_245_204;

export const TABLES: Migration = {
	name: 'postgres-replay',
	steps: [
		(schema) => `
create table ${schema}.topics (
	topic text primary key,
	epoch text not null,
	seq bigint not null,
	-- Which history of which database has written last, and what the epochs before ended with.
	writer text not null,
	lineage text not null,
	at timestamptz not null,
	-- Its frames were let go when it had been quiet for long.
	is_empty boolean not null default false
);
create table ${schema}.frames (
	topic text not null,
	seq bigint not null,
	id text not null,
	frame text not null,
	primary key (topic, seq)
);
create table ${schema}.log (name text not null);
insert into ${schema}.log values (md5(random()::text || clock_timestamp()::text));

-- Changes where history may lack its end: with a replica that is promoted, or a backup.
create function ${schema}.writer() returns text language sql as $$
	select system_identifier || '.' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '.' ||
		(select oid from pg_database where datname = current_database())
	from pg_control_system()
$$;

-- Numbers frames, keeps them and wakes those who follow the topic. A number of a frame that was there
-- before is negative. The lineage is told where the epoch has just begun.
create function ${schema}.append(
	of_topic text, fresh text, ids text[], lines text[], size int, searched boolean,
	out epoch text, out numbers bigint[], out began text
) language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
	writer text := ${schema}.writer();
	known jsonb := '{}';
	added int;
	at_topic ${schema}.topics;
begin
	if searched then
		perform pg_advisory_xact_lock(${NAMED}, hashtext(of_topic));
		perform from ${schema}.topics where topic = of_topic for update;
		select coalesce(jsonb_object_agg(id, seq), '{}') into known from ${schema}.frames
		where topic = of_topic and id = any(ids) and seq > (
			select seq - ${SEARCHED} from ${schema}.topics where topic = of_topic);
	end if;
	select count(*) into added from unnest(ids) as id where not known ? id;
	-- The row is what the publishes of a topic wait for: its numbers are in the order of their commits.
	insert into ${schema}.topics as before
	values (of_topic, fresh, added, writer, '~' || (select name from ${schema}.log) || ' 0;', clock_timestamp())
	on conflict (topic) do update set
		epoch = case when before.writer = excluded.writer then before.epoch else fresh end,
		seq = before.seq + added,
		lineage = case when before.writer = excluded.writer then before.lineage else
			array_to_string((string_to_array(
				before.epoch || ' ' || before.seq || ';' || before.lineage, ';'
			))[1:${LINEAGE}], ';') || ';' end,
		writer = excluded.writer,
		at = excluded.at,
		is_empty = false
	returning * into at_topic;
	epoch := at_topic.epoch;
	began := case when epoch = fresh then at_topic.lineage else '' end;
	insert into ${schema}.frames
	select of_topic, at_topic.seq - added + row_number() over (order by place), id, line
	from unnest(ids, lines) with ordinality as given (id, line, place) where not known ? id;
	select array_agg(coalesce(-(known ->> id)::bigint, at_topic.seq - added + new_place) order by place)
	into numbers
	from (
		select id, place, count(*) filter (where not known ? id) over (order by place) as new_place
		from unnest(ids) with ordinality as given (id, place)
	) as placed;
	if at_topic.seq / ${SLACK} > (at_topic.seq - added) / ${SLACK} then
		delete from ${schema}.frames where topic = of_topic and seq <= at_topic.seq - size;
	end if;
	perform pg_notify(${literal(schema.slice(1, -1))} || '_frames',
		case when octet_length(of_topic) < 7000 then of_topic else '' end);
end $$;
`
	]
};
