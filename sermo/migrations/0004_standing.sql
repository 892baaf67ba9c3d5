-- Who may act: the few events that say it are found without reading the log. A node must know who is deactivated before it serves.
create index stored_events_standing_idx on stored_events (topic, notification_id)
    where topic in ('user.registered.1', 'user.admin_set.1', 'user.deactivated.1', 'user.reactivated.1');
-- A person's logins all end at once when they are deactivated or get another password.
create index refresh_families_user_idx on refresh_families (user_id);
