import type { Prepared } from './database';
import { OWN } from './owned';

/** Lines that are read or written in one statement. */
export const MOST_LINES = 1_000;

/** The next number is taken even by a line that was refused: it may have been written after all. */
export const OPEN: Prepared = {
  name: 'log-open',
  text: `with ${OWN}, made as (
      insert into log (mailbox, node, version) select $1, $4, $5::int from own on conflict do nothing)
    select (select count(*) from own)::int as own,
      (select version from log where mailbox = $1 and node = $4) as version,
      (select late from log where mailbox = $1 and node = $4) as late,
      (select max(seq) from line where mailbox = $1 and node = $4)::text as last`,
};
/** By a page, since a log may have a hundred thousand lines. `seq` alone would name the text, in whose order 10 is before 9. */
export const READ: Prepared = {
  name: 'log-read',
  text: `select seq::text, record from line where mailbox = $1 and node = $2
    and seq >= greatest($3::bigint, (select base from log where mailbox = $1 and node = $2))
    order by line.seq limit ${MOST_LINES}`,
};
/** Written once, however often it is tried: the answer to a statement that was carried out may get lost. */
export const APPEND: Prepared = {
  name: 'log-append',
  text: `with ${OWN}, put as (
      insert into line (mailbox, node, seq, record)
      select $1, $4, seq, record from own, unnest($5::bigint[], $6::text[]) as t (seq, record)
      on conflict do nothing)
    select (select count(*) from own)::int as own, set_config('synchronous_commit', $7, true)`,
};
/**
 * {@link APPEND} of one line, as most are, for half of its CPU. Nothing comes back where the lease is over, and where the
 * line is there already: only APPEND tells which.
 */
const appendOne = (sync: 'on' | 'off'): Prepared => ({
  name: `log-append-one-${sync}`,
  text: `insert into line (mailbox, node, seq, record)
    select id, $4, $5::bigint, $6 from mailbox where id = $1 and replica = $2 and term = $3::bigint for share
    on conflict do nothing returning set_config('synchronous_commit', '${sync}', true)`,
});
export const APPEND_ONE = { on: appendOne('on'), off: appendOne('off') };
export const REBASE: Prepared = {
  name: 'log-rebase',
  text: `with ${OWN}, based as (
      update log set base = $5::bigint, late = null where mailbox = $1 and node = $4 and exists (select from own) returning 1),
    gone as (
      delete from line where mailbox = $1 and node = $4 and seq < $5::bigint and exists (select from own)),
    put as (insert into line (mailbox, node, seq, record) select $1, $4, $5::bigint, $6 from own)
    select count(*)::int as own from own`,
};

export const LATE: Prepared = {
  name: 'log-late',
  text: `with ${OWN}, put as (
      update log set late = $5 where mailbox = $1 and node = $4 and exists (select from own))
    select count(*)::int as own, set_config('synchronous_commit', 'off', true) from own`,
};
