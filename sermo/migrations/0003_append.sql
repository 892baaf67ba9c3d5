-- Append a batch of commands. Arrays run in parallel; commands and streams are numbered from 1 by their place.
--   command_ids, command_hashes     one entry a command; a hash may be null
--   stream_*                        one entry for each (command, stream) that the decision relied on:
--                                   version 0 = absent; mode 'r' read only, 'w' written, 'c' begun by this command
--   event_*                         the events, in order; event_streams are places in stream_*
-- Outcomes, as rows (never exceptions, so one command does not abort its neighbours):
--   appended    one row an event (without topic and state, which the caller has)
--   repeated    the command id is known: its original rows
--   key_reused  the command id is known with another hash: its first row
--   exists      a 'c' stream has events: its first event
--   conflict    some stream moved: the first such, with its version
-- A refused command burns no number. A batch whose commands depend on each other is refused whole (SRM01): it is the
-- caller's fault. Every step is linear in the batch: what belongs together is found by place, not by a join, since the
-- planner thinks that an array has ten entries. Sequential scans are off, since a plan made while the table was empty
-- would stay.
create or replace function sermo_append(
    command_ids uuid[], command_hashes bytea[],
    stream_commands int[], stream_ids uuid[], stream_versions bigint[], stream_modes "char"[],
    event_streams int[], event_topics text[], event_states bytea[], event_feeds uuid[]
) returns table (
    command int, outcome text, stream_id uuid, stream_version bigint, event_position bigint,
    feed uuid, seq bigint, recorded timestamptz, topic text, state bytea
) language plpgsql volatile set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    outcomes smallint[] := array_fill(1::smallint, array[cardinality(command_ids)]);
        -- 1 appended, 2 repeated, 3 key_reused, 4 exists, 5 conflict
    refusal record;
    refused boolean := false;
    last_position bigint;
    now_recorded timestamptz;
    versions bigint[];
    seqs bigint[];
    appended int;
begin
    perform sermo_lock_log();

    if exists (
        select from unnest(stream_commands, stream_ids, stream_modes) as s(command, id, mode)
        group by s.id having bool_or(s.mode <> 'r') and min(s.command) <> max(s.command)
    ) or exists (
        select from unnest(command_ids) as c(id) group by c.id having count(*) > 1 or c.id is null
    ) or exists (
        select from unnest(event_streams) as e(place) where coalesce(stream_modes[e.place], 'r') = 'r'
    ) then
        raise exception 'the commands of a batch must be independent, have ids, and write only streams that they name'
            using errcode = 'SRM01';
    end if;
    if (select count(distinct s.command) from unnest(stream_commands) as s(command)) <> cardinality(command_ids) then
        raise exception 'every command of a batch must name a stream' using errcode = 'SRM01';
    end if;

    -- Only what is refused makes a row: each stream's version by one descent of the primary key, each command's id by one
    -- of its index.
    for refusal in
        select s.command, case when bool_or(s.mode = 'c' and s.now > 0) then 4 else 5 end as code
        from (
            select u.command, u.version, u.mode, coalesce((
                select e.originator_version from stored_events e
                where e.originator_id = u.id order by e.originator_version desc limit 1), 0) as now
            from unnest(stream_commands, stream_ids, stream_versions, stream_modes) as u(command, id, version, mode)
        ) as s where s.now <> s.version or s.mode = 'c' and s.now > 0 group by s.command
    loop
        outcomes[refusal.command] := refusal.code;
        refused := true;
    end loop;
    for refusal in
        select c.n::int as command, case when k.hash is distinct from c.hash then 3 else 2 end as code
        from unnest(command_ids, command_hashes) with ordinality as c(id, hash, n)
        -- The limit keeps this a look-up for each command; as a join it would read the whole index.
        cross join lateral (select x.command_hash as hash from stored_events x where x.command_id = c.id limit 1) as k
    loop
        outcomes[refusal.command] := refusal.code;
        refused := true;
    end loop;

    select e.notification_id, greatest(e.recorded_at, clock_timestamp()) into last_position, now_recorded
    from stored_events e order by e.notification_id desc limit 1;
    last_position := coalesce(last_position, 0);
    now_recorded := coalesce(now_recorded, clock_timestamp());

    if refused then
        -- Pack the events of the accepted commands, so that places agree again.
        select coalesce(array_agg(u.place order by u.n), '{}'), array_agg(u.topic order by u.n),
            array_agg(u.state order by u.n), array_agg(u.feed order by u.n)
        into event_streams, event_topics, event_states, event_feeds
        from unnest(event_streams, event_topics, event_states, event_feeds) with ordinality as u(place, topic, state, feed, n)
        where outcomes[stream_commands[u.place]] = 1;
    end if;
    appended := cardinality(event_streams);

    if appended > 0 then
        select array_agg(stream_versions[e.place] + e.nth_of_stream order by e.n),
            array_agg(e.head + e.nth_of_feed order by e.n)
        into versions, seqs
        from (
            select i.n, i.place, i.nth_of_stream, i.nth_of_feed, max(i.head) over (partition by i.feed) as head
            from (
                select o.*, case when o.nth_of_feed = 1 then coalesce((
                    -- A scan of the index copies all that a page has in its range. A feed in use has its head among the
                    -- last events, where the range is short.
                    select x.feed_seq from stored_events x
                    where x.feed_id = o.feed and x.notification_id > last_position - 2000
                    order by x.notification_id desc limit 1), (
                    select x.feed_seq from stored_events x
                    where x.feed_id = o.feed order by x.notification_id desc limit 1), 0) end as head
                from (
                    select u.n, u.place, u.feed, row_number() over (partition by u.place order by u.n) as nth_of_stream,
                        case when u.feed is not null then row_number() over (partition by u.feed order by u.n) end as nth_of_feed
                    from unnest(event_streams, event_feeds) with ordinality as u(place, feed, n)
                ) as o
            ) as i
        ) as e;
        insert into stored_events
        select stream_ids[u.place], u.version, u.topic, u.state, last_position + u.n, u.feed, u.seq,
            case when u.is_first then command_ids[stream_commands[u.place]] end,
            case when u.is_first then command_hashes[stream_commands[u.place]] end,
            now_recorded
        from (
            select v.*, stream_commands[v.place] is distinct from stream_commands[event_streams[v.n - 1]] as is_first
            from unnest(event_streams, event_topics, event_states, event_feeds, versions, seqs)
                with ordinality as v(place, topic, state, feed, version, seq, n)
        ) as u;
        perform pg_notify('stored_events', (last_position + 1) || ',' || (last_position + appended));
        return query
        select stream_commands[u.place], 'appended', stream_ids[u.place], u.version, last_position + u.n, u.feed, u.seq,
            now_recorded, null::text, null::bytea
        from unnest(event_streams, event_feeds, versions, seqs) with ordinality as u(place, feed, version, seq, n);
    end if;
    if not refused then
        return;
    end if;

    return query
    select c.n::int, case outcomes[c.n] when 2 then 'repeated' else 'key_reused' end, e.originator_id, e.originator_version,
        e.notification_id, e.feed_id, e.feed_seq, e.recorded_at, e.topic, e.state
    from unnest(command_ids) with ordinality as c(id, n)
    join lateral (select x.notification_id from stored_events x where x.command_id = c.id limit 1) as k on true
    -- A command's rows run from its first to before the next command's first: every command has an id.
    join lateral (
        select x.* from stored_events x where x.notification_id >= k.notification_id and x.notification_id < coalesce((
            select y.notification_id from stored_events y
            where y.notification_id > k.notification_id and y.command_id is not null
            order by y.notification_id limit 1), 9223372036854775807)
        order by x.notification_id limit case outcomes[c.n] when 3 then 1 end
    ) as e on true
    where outcomes[c.n] in (2, 3)
    order by c.n, e.notification_id;

    return query
    select distinct on (s.command) s.command, 'exists', e.originator_id, e.originator_version,
        e.notification_id, e.feed_id, e.feed_seq, e.recorded_at, e.topic, e.state
    from unnest(stream_commands, stream_ids, stream_modes) with ordinality as s(command, id, mode, n)
    join lateral (
        select x.* from stored_events x where x.originator_id = s.id order by x.originator_version limit 1
    ) as e on true
    where outcomes[s.command] = 4 and s.mode = 'c' order by s.command, s.n;

    return query
    select distinct on (s.command) s.command, 'conflict', s.id, s.now,
        null::bigint, null::uuid, null::bigint, null::timestamptz, null::text, null::bytea
    from (
        select u.command, u.id, u.version, u.n, coalesce((
            select e.originator_version from stored_events e
            where e.originator_id = u.id order by e.originator_version desc limit 1), 0) as now
        from unnest(stream_commands, stream_ids, stream_versions) with ordinality as u(command, id, version, n)
        where outcomes[u.command] = 5
    ) as s
    where s.now <> s.version order by s.command, s.n;
end $$;
