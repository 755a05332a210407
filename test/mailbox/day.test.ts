import assert from 'node:assert/strict';
import { cleanUp } from '../../servers/mailbox-checker';
import { MODES, type Mode } from '../../servers/mailbox-parts';
import { Day, type DayOptions, type DayResult, generator, NAMINGS, TOPS } from './day';

/** How many days are tried, and from which seed on. A hundred on demand. */
const DAYS = Number(process.env.REDLETTER_DAYS ?? 1);
const SEED = Number(process.env.REDLETTER_SEED ?? 12);

describe('24 simulated hours of one mailbox, with faults of all kinds', function () {
  this.timeout(DAYS * 180_000);
  after(cleanUp);

  it(`lose nothing, delete nothing unseen and mark every duplicate, ${DAYS} times`, async () => {
    console.log(`    seed ${SEED} (REDLETTER_SEED, REDLETTER_DAYS)`);
    const total = { sent: 0, duplicates: 0, crashes: 0, sessions: 0 };
    for (let day = 0; day < DAYS; day += 1) {
      const seed = SEED + day;
      const random = generator(seed);
      const options: DayOptions = {
        seed,
        // By the seed, so that it alone repeats the day.
        ...(MODES[seed % MODES.length] as Mode),
        naming: NAMINGS[Math.floor(random() * NAMINGS.length)] ?? 'stable',
        top: random() < 0.7 ? 'headers' : (TOPS[Math.floor(random() * TOPS.length)] ?? 'headers'),
      };
      const result: DayResult = await new Day(options).run();
      const { lost, deletedUnseen, deletedEarly, unmarked } = result;
      const what = `${JSON.stringify(options)} ${JSON.stringify(result)}`;
      assert.deepEqual({ lost, deletedUnseen, deletedEarly, unmarked }, NOTHING, what);
      total.sent += result.sent;
      total.duplicates += result.duplicates;
      total.crashes += result.crashes;
      total.sessions += result.sessions;
    }
    const { sent, duplicates, crashes, sessions } = total;
    console.log(
      `    ${DAYS} days, ${sessions} sessions, ${crashes} crashes: ${sent} mails, 0 lost, 0 deleted unseen, ` +
        `${duplicates} duplicates, 0 of them unmarked`,
    );
    assert.ok(sent > DAYS * 100, 'there was mail');
  });
});

const NOTHING = { lost: [], deletedUnseen: [], deletedEarly: [], unmarked: [] };
