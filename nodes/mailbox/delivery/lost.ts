import type { OnQuarantined } from '../failures';
import type { Ledger } from '../store/ledger';
import { type Spool, spooledMailGone } from '../store/spool';
import { type Origin, pop3Fields, uidOf } from './pop3-fields';

/**
 * What the flow has had, and neither the spool nor the server has any more, is lost: that is reported once.
 * @param exists whether the server or the spool has it
 */
export async function reportLost(
  {
    ledger,
    spool,
    origin,
    onQuarantined,
  }: { ledger: Ledger; spool: Spool; origin: Origin; onQuarantined: OnQuarantined },
  exists: (key: string) => boolean,
): Promise<void> {
  for (const key of [...ledger.unprocessed()]) {
    if (exists(key)) continue;
    const mail = { key, number: 0 };
    const attempts = ledger.openDelivery(key)?.deliveries ?? 0;
    const error = spooledMailGone(spool.place, uidOf(mail));
    onQuarantined(error, pop3Fields(origin, mail, { bytes: 0, earlier: attempts - 1 }));
    await ledger.recordLoss(key);
  }
}
