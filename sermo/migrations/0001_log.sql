-- The log (docs/decisions/0002): one table that the `eventsourcing` library reads as its own, with columns of ours beside.
create table stored_events (
    originator_id uuid not null,
    originator_version bigint not null,
    topic text not null,
    state bytea not null,
    notification_id bigint not null,
    feed_id uuid,
    feed_seq bigint,
    command_id uuid,
    command_hash bytea,
    recorded_at timestamptz not null,
    primary key (originator_id, originator_version)
) with (
    -- Append-only: there is nothing to clean, but pages are frozen in small steps and statistics stay fresh.
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.02,
    autovacuum_freeze_min_age = 1000000
);
create unique index stored_events_notification_id_idx on stored_events (notification_id);
-- Backlogs (a feed from a position on) and feed heads (the last entry of a feed), both without touching the table.
create index stored_events_feed_idx on stored_events (feed_id, notification_id) include (feed_seq) where feed_id is not null;
create unique index stored_events_command_idx on stored_events (command_id) where command_id is not null;

create function sermo_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the log is append-only: % on % is refused', tg_op, tg_table_name using errcode = 'SRM02';
end $$;
create trigger stored_events_append_only before update or delete on stored_events
    for each statement execute function sermo_refuse_change();
create trigger stored_events_no_truncate before truncate on stored_events
    for each statement execute function sermo_refuse_change();

-- The append lock K. Every writer takes it before it looks at the log and holds it to the commit, so commit order is
-- position order. Advisory, since a table lock collides with VACUUM, ANALYZE and index builds.
create function sermo_lock_log() returns void language plpgsql as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'appends need READ COMMITTED, not %', current_setting('transaction_isolation')
            using errcode = 'SRM03', hint = 'Under another isolation the rows of the last holder of the lock are invisible.';
    end if;
    perform pg_advisory_xact_lock(6016519);
end $$;

-- The library's writes (`insert_events`): one all-or-nothing command of any length, with no feed. A taken version raises
-- unique_violation, and no number is burnt.
create function sermo_insert(stream_ids uuid[], versions bigint[], topics text[], states bytea[])
returns setof bigint language plpgsql volatile as $$
declare
    last_position bigint;
    now_recorded timestamptz;
begin
    perform sermo_lock_log();
    select e.notification_id, greatest(e.recorded_at, clock_timestamp()) into last_position, now_recorded
    from stored_events e order by e.notification_id desc limit 1;
    last_position := coalesce(last_position, 0);
    return query
    insert into stored_events (originator_id, originator_version, topic, state, notification_id, command_id, recorded_at)
    select e.id, e.version, e.topic, e.state, last_position + e.n, case when e.n = 1 then gen_random_uuid() end,
        coalesce(now_recorded, clock_timestamp())
    from unnest(stream_ids, versions, topics, states) with ordinality as e(id, version, topic, state, n)
    order by e.n
    returning notification_id;
    if found then
        perform pg_notify('stored_events', (last_position + 1) || ',' || (last_position + cardinality(stream_ids)));
    end if;
end $$;

-- One row: which history the positions belong to.
create table log_epoch (
    only_row boolean primary key default true check (only_row),
    epoch text not null,
    system_identifier bigint not null,
    timeline int not null,
    made_at timestamptz not null default clock_timestamp()
);
