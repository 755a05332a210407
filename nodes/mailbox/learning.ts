import type { CheckContext } from './check-context';
import { identify } from './identify';
import { isDigest, type ListedMail } from './listing';
import type { Session } from './session';
import type { Identity } from './store/ledger-records';

/** Known mails whose fingerprint is learned in one check: at the first, and later. */
const LEARNED_AT_FIRST = 4000;
const LEARNED_LATER = 250;

/** Where a downloaded mail is not listed again, the vanishing of mails means nothing (Gmail: EXPIRE 0, RFC 2449). */
export const hidesDownloadedMail = ({ settings }: CheckContext, { client }: Session): boolean =>
  settings.service === 'google' || client.capabilities.arguments('EXPIRE')[0] === '0';

/** Learns the fingerprints of known mails that have none: of those before the first check, and of version 0.1. */
export async function learnFingerprints(
  context: CheckContext,
  session: Session,
  listing: ListedMail[],
  first: boolean,
): Promise<void> {
  const { ledger } = context;
  if (hidesDownloadedMail(context, session)) return;
  const nameless = listing.filter(
    ({ key }) => ledger.isKnown(key) && ledger.fingerprint(key) === undefined && !isDigest(key),
  );
  // The newest first: what vanishes and comes back is most likely one of them.
  const some = nameless.slice(first ? -LEARNED_AT_FIRST : -LEARNED_LATER);
  const found = await identify(session.client, some, context);
  const learned = some.flatMap(({ key, bytes }): [string, Identity][] => {
    const fingerprint = found.get(key);
    const size = bytes ?? ledger.bytes(key);
    return fingerprint === undefined ? [] : [[key, { fingerprint, ...(size >= 0 && { bytes: size }) }]];
  });
  await ledger.recordIdentities(new Map(learned));
}
