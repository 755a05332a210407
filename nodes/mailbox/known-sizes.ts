import type { CheckContext } from './check-context';
import type { ListedMail } from './listing';
import type { Identity } from './store/ledger-records';

/**
 * Records sizes that were not known, or that the server has changed by noting something in the mail.
 *
 * @param identified keys of mails that were certainly the known ones in this session
 */
export async function recordSizes(
  { ledger }: Pick<CheckContext, 'ledger'>,
  listing: readonly ListedMail[],
  identified: ReadonlySet<string>,
): Promise<void> {
  const changed = new Map<string, Identity>();
  for (const { key, bytes } of listing) {
    if (bytes === undefined || !ledger.isKnown(key) || ledger.bytes(key) === bytes) continue;
    const fingerprint = ledger.fingerprint(key);
    // One that could not be compared stays suspect.
    if (fingerprint !== undefined && ledger.bytes(key) >= 0 && !identified.has(key)) continue;
    changed.set(key, { fingerprint: fingerprint ?? '', bytes });
  }
  await ledger.recordIdentities(changed);
}
