/**
 * The schema, a step a version. A step that has been released is never changed: what comes later is a new step. Every
 * statement stands in the schema of the fleet, which is the search path.
 *
 * `fillfactor` and the narrow indexes keep the updates of lease rows within their page (heap-only tuples).
 */
export const STEPS: readonly string[] = [
  `
  create table fleet (
    one boolean primary key default true check (one),
    secret text not null
  );
  create table replica (
    id uuid primary key,
    name text not null,
    version text not null,
    role text not null,
    earlier uuid,
    started timestamptz not null default clock_timestamp(),
    beat timestamptz not null default clock_timestamp(),
    draining boolean not null default false,
    died timestamptz,
    attended int not null default 0,
    owned int not null default 0,
    attending int not null default 0,
    facts text
  ) with (fillfactor = 50);
  create table mailbox (
    id text primary key,
    replica uuid,
    previous uuid,
    term bigint not null default 0,
    since timestamptz not null default clock_timestamp(),
    wanted text,
    facts text
  ) with (fillfactor = 70);
  create index on mailbox (replica);
  create index on mailbox (replica) where wanted is not null;
  create table attendance (
    replica uuid not null references replica on delete cascade,
    mailbox text not null,
    node text not null,
    primary key (replica, mailbox, node)
  );
  create index on attendance (mailbox);

  create table log (
    mailbox text not null,
    node text not null,
    version int not null,
    base bigint not null default 0,
    late text,
    primary key (mailbox, node)
  );
  create table line (
    mailbox text not null,
    node text not null,
    seq bigint not null,
    record text not null,
    primary key (mailbox, node, seq)
  );

  create table spooled (
    mailbox text not null,
    node text not null,
    name text not null,
    put bigint not null,
    at timestamptz not null default clock_timestamp(),
    label text,
    primary key (mailbox, node, name, put)
  );
  create table chunk (
    mailbox text not null,
    node text not null,
    name text not null,
    put bigint not null,
    seq int not null,
    bytes bytea not null,
    primary key (mailbox, node, name, put, seq)
  );
  alter table chunk alter column bytes set storage external;
  create sequence put;

  create table token (
    node text not null,
    slot text not null,
    generation bigint not null default 1,
    sealed text,
    saved timestamptz not null default clock_timestamp(),
    renewer uuid,
    renewing_until timestamptz,
    primary key (node, slot)
  );
  create table sign_in (
    id text primary key,
    seq bigserial,
    account text not null,
    admin_user text not null,
    state text not null,
    expires_at bigint not null,
    sealed text,
    ended text,
    has_ticket boolean not null,
    has_state boolean not null
  );

  create table word (
    id bigserial primary key,
    mailbox text not null,
    node text not null,
    kind text not null,
    delivery text,
    outcome text,
    at timestamptz not null default clock_timestamp(),
    answer text
  );
  create index on word (mailbox);
  `,
];
