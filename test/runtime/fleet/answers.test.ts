import assert from 'node:assert/strict';
import { Leases } from '../../../nodes/runtime/fleet/leases';
import { Membership } from '../../../nodes/runtime/fleet/membership';
import { TestClock } from './support';

type Row = Record<string, unknown>;

/** Answers as a test says, and fails or waits at a moment at which a real database cannot be made to. */
class Answers {
  readonly asked: { name: string; values: unknown[] }[] = [];
  readonly #answers: Record<string, () => Row[] | Promise<Row[]>>;

  constructor(answers: Record<string, () => Row[] | Promise<Row[]>>) {
    this.#answers = answers;
  }

  answer(name: string, answer: () => Row[] | Promise<Row[]>): void {
    this.#answers[name] = answer;
  }

  of(name: string): unknown[][] {
    return this.asked.filter((one) => one.name === name).map(({ values }) => values);
  }

  query = async <T>({ name }: { name: string }, values: unknown[] = []): Promise<T[]> => {
    this.asked.push({ name, values });
    return ((await this.#answers[name]?.()) ?? []) as T[];
  };
}

const unanswered = (): Promise<Row[]> => Promise.reject(new Error('Query read timeout'));

describe('runtime/fleet: a database that does not answer in time', () => {
  let clock: TestClock;
  let database: Answers;
  let membership: Membership;
  let leases: Leases;
  const survey = { replicas: 1, mailboxes: 2, free: true, dead: [], attended: 'x', away: [] };
  const claimed = ['a', 'b'].map((id) => ({ id, term: '1', previous: null }));
  beforeEach(async () => {
    clock = new TestClock();
    database = new Answers({
      beat: () => [{ draining: false }],
      timeline: () => [{ timeline: '1' }],
      survey: () => [survey],
      claim: () => claimed,
    });
    const load = () => leases.load();
    membership = new Membership(database, { name: 'a', version: '1', role: 'runtime', load }, clock);
    leases = new Leases(database, membership, { name: 'a', role: 'runtime', monotonic: clock.monotonic });
    for (const { id } of claimed) leases.attend(id, 'node');
    await membership.tick();
    await leases.tick();
    database.answer('claim', () => []);
    assert.deepEqual(leases.load(), { attended: 2, owned: 2 });
  });
  afterEach(async () => {
    await leases.stop();
    await membership.stop();
  });

  it('to a release, beside a claim that goes well: the mailbox is given back in the next tick', async () => {
    let open: () => void = () => undefined;
    let reach: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    database.answer('claim', async () => {
      reach();
      await new Promise<void>((resolve) => {
        open = resolve;
      });
      return [];
    });
    leases.attend('c', 'node');
    const tick = leases.tick();
    await reached;
    database.answer('release', unanswered);
    await assert.rejects(leases.release(leases.lease('a') ?? assert.fail()));
    database.answer('claim', () => []);
    open();
    await tick;
    database.answer('release', () => []);
    database.answer('my-leases', () => claimed.map(({ id, term }) => ({ id, term })));
    const before = database.of('release').length;
    await leases.tick();
    assert.deepEqual(
      database
        .of('release')
        .slice(before)
        .map(([mailboxes]) => mailboxes),
      [['a']],
    );
    // Known again from here on.
    await leases.tick();
    assert.equal(database.of('my-leases').length, 1);
  });

  it('to a question after that: it is asked again', async () => {
    database.answer('release', unanswered);
    await assert.rejects(leases.release(leases.lease('a') ?? assert.fail()));
    database.answer('my-leases', unanswered);
    await assert.rejects(leases.tick());
    database.answer('my-leases', () => []);
    await leases.tick();
    await leases.tick();
    assert.equal(database.of('my-leases').length, 2);
  });

  it('to heartbeats: the next session is drained as this one was', async () => {
    database.answer('beat', () => [{ draining: true }]);
    clock.pass(2_000);
    await membership.tick();
    assert.equal(membership.draining, true);
    database.answer('beat', unanswered);
    clock.pass(9_000);
    await membership.tick();
    const joins = database.of('join');
    assert.deepEqual(
      joins.map((values) => values.at(-1)),
      [false, true],
    );
    assert.equal(membership.draining, true);
  });
});
