-- What cannot be rebuilt from the log and does not belong in it: keys, passwords, sessions.
create table signing_keys (
    key_id text primary key,
    secret bytea not null,
    made_at timestamptz not null default clock_timestamp()
);
create table credentials (
    user_id uuid primary key,
    password_hash text not null,
    changed_at timestamptz not null default clock_timestamp()
);
-- A refresh token works once. Tokens are kept as SHA-256; a successor is derived from its predecessor and a signing key.
create table refresh_tokens (
    token_hash bytea primary key,
    family_id uuid not null,
    user_id uuid not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    -- the key that its successor was derived with, so that the same one can be answered again
    successor_key_id text
);
create index refresh_tokens_family_idx on refresh_tokens (family_id);
create index refresh_tokens_expiry_idx on refresh_tokens (expires_at);
create table refresh_families (
    family_id uuid primary key,
    user_id uuid not null,
    revoked_at timestamptz,
    made_at timestamptz not null default clock_timestamp()
);
create table ws_tickets (
    ticket_hash bytea primary key,
    user_id uuid not null,
    token_expires_at timestamptz not null,
    expires_at timestamptz not null
);
-- Checkpoints: the library's own table (eventsourcing 9.5, PostgresTrackingRecorder, single-row tracking).
create table notification_tracking (
    application_name text not null,
    notification_id bigint not null,
    primary key (application_name)
);
insert into notification_tracking values ('__migration__', 1);
