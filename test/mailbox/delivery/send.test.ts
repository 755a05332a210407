import assert from 'node:assert/strict';
import { join } from 'node:path';
import { SendDelivery } from '../../../nodes/mailbox/delivery/send';
import type { ListedMail } from '../../../nodes/mailbox/listing';
import { soleOwner } from '../../../nodes/mailbox/ownership';
import { fileLog } from '../../../nodes/mailbox/store/file/log';
import { Ledger } from '../../../nodes/mailbox/store/ledger';
import type { OpenLog } from '../../../nodes/mailbox/store/log';
import { cleanUp, mailOf, newFolder, settings } from '../../../servers/mailbox-checker';

describe('mailbox: mails that are processed when they were sent', () => {
  afterEach(cleanUp);

  it('are on record before the next one is read, which may take the thread for a while', async () => {
    const events: string[] = [];
    const file = fileLog(join(await newFolder(), 'a.ledger'));
    // As a connection to a database does: nothing is sent before what runs now has ended.
    const open: OpenLog = async (content) => {
      const log = await file(content);
      const { atOnce } = log;
      log.atOnce = (record) => {
        process.nextTick(() => events.push('recorded'));
        return atOnce.call(log, record);
      };
      return log;
    };
    const ledger = await Ledger.open(open);
    const delivery = new SendDelivery(
      {
        ledger,
        reading: { content: 'parsed', attachments: 'buffer' },
        origin: settings,
        deliver: async ({ pop3 }) => {
          events.push(`delivered ${pop3.uid}`);
        },
        assertOwner: soleOwner,
      },
      new AbortController().signal,
    );
    const mails: ListedMail[] = ['a', 'b'].map((key, index) => ({
      key,
      uid: key,
      number: index + 1,
      ambiguous: false,
    }));
    await delivery.expect(mails);
    const source = (async function* () {
      for (const { key, number } of mails) {
        events.push(`begun ${key}`);
        yield {
          number,
          body: (async function* () {
            yield Buffer.from(mailOf(key));
          })(),
        };
      }
    })();
    const receipt = { whole: true, estimated: false, listed: () => undefined, canDownloadAgain: () => false };
    for await (const { number, received } of delivery.receive(source, receipt))
      await delivery.deliver(mails[number - 1] as ListedMail, received);
    await delivery.finish();
    await ledger.close();
    assert.deepEqual(events, ['begun a', 'delivered a', 'recorded', 'begun b', 'delivered b', 'recorded']);
  });
});
