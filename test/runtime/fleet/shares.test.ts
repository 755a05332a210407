import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Database, Prepared } from '../../../nodes/runtime/fleet/database';
import { CLAIM_FREE, CLAIM_OF_DEAD } from '../../../nodes/runtime/fleet/leases';
import { Surplus } from '../../../nodes/runtime/fleet/shares';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { openDatabase } from './support';

/** A step of a plan, as `explain (analyze, format json)` tells it. */
interface Step {
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: Step[];
}

/** Rows of a table that a plan has read. */
const rowsOf = (table: string, { Plans = [], ...step }: Step): number =>
  Plans.reduce(
    (sum, inner) => sum + rowsOf(table, inner),
    step['Relation Name'] === table
      ? (step['Actual Rows'] + (step['Rows Removed by Filter'] ?? 0)) * step['Actual Loops']
      : 0,
  );

describe('runtime/fleet: shares of many mailboxes', function () {
  this.timeout(60_000);
  let postgres: Postgres;
  let url: string;
  let database: Database;
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());
  beforeEach(async () => {
    url = await postgres.database();
    database = await openDatabase(url);
  });
  afterEach(() => database.close());

  const sql = (text: string, values: unknown[] = []): Promise<unknown[]> =>
    database.query({ name: '', text }, values);
  const replica = async (name: string, died?: string): Promise<string> => {
    const id = randomUUID();
    await sql('insert into replica (id, name, version, role, died) values ($1, $2, $3, $4, $5)', [
      id,
      name,
      '1',
      'runtime',
      died,
    ]);
    return id;
  };
  /** Mailboxes in the flows of each replica given. */
  const mailboxes = async (count: number, owner: string | null, attended: string[]): Promise<void> => {
    await sql("insert into mailbox (id, replica) select 'box' || at, $2 from generate_series(1, $1) as at", [
      count,
      owner,
    ]);
    await sql(
      "insert into attendance (replica, mailbox, node) select id, 'box' || at, 'node' from unnest($2::uuid[]) as id, generate_series(1, $1) as at on conflict do nothing",
      [count, attended],
    );
  };
  const planOf = async ({ text }: Prepared, values: unknown[]): Promise<Step> => {
    const [row] = (await sql(`explain (analyze, format json) ${text}`, values)) as {
      'QUERY PLAN': { Plan: Step }[];
    }[];
    return row?.['QUERY PLAN'][0]?.Plan as Step;
  };

  it('are claimed without a look at those of others, and at no more than are claimed', async () => {
    const [me, other, dead] = [await replica('a'), await replica('b'), await replica('c', 'now')];
    await mailboxes(20_000, null, [me, other]);
    // The planner knows of a fleet that has just begun: nothing is owned yet, and almost everything is a little later.
    await postgres.query(url, 'analyze');
    await sql("update mailbox set replica = $1 where id not like 'box1__'", [other]);
    await sql("update mailbox set replica = $1 where id like 'box2___'", [dead]);
    const values = [me, 100, 'a', false, 5_000];
    for (const plan of [await planOf(CLAIM_FREE, values), await planOf(CLAIM_OF_DEAD, [...values, dead])]) {
      assert.equal(rowsOf('attendance', plan), 100);
      assert.equal(rowsOf('mailbox', plan), 300, 'each is locked, found again and written');
      assert.equal(plan['Actual Rows'], 100);
    }
  });

  it('are offered some at a time, until all were', async () => {
    const [me, other] = [await replica('a'), await replica('b')];
    await mailboxes(10, me, [me]);
    await sql("insert into attendance (replica, mailbox, node) values ($1, 'box9', 'node')", [other]);
    const held = Array.from({ length: 10 }, (_, at) => `box${at + 1}`);
    const surplus = new Surplus(30_000, () => 0, 4);
    const offers: string[][] = [];
    for (let at = 0; at < 4; at += 1)
      offers.push(await surplus.of(held, { share: 5, session: me, isIdle: () => true }, database));
    assert.deepEqual(offers, [[], [], ['box9'], []]);
  });
});
