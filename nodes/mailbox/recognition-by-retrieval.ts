import type { Pop3Client } from '../pop3';
import type { CheckContext } from './check-context';
import { identifyByRetrieval } from './identify';
import { addSizes, type ListedMail } from './listing';
import type { Identity } from './store/ledger-records';

/**
 * TOP shows another header than RETR at some servers (quirk 14). What is remembered by the one would never be recognized
 * by the other, and each check would deliver it again. So before a mail of the same size counts as another one, it is
 * downloaded once; where it is the known one, what TOP shows is remembered.
 *
 * @param others seen by TOP to be others than the known ones
 * @param shown by key, what TOP shows
 */
export async function learnWhatTopShows(
  context: CheckContext,
  client: Pop3Client,
  others: ListedMail[],
  shown: ReadonlyMap<string, string>,
): Promise<void> {
  const { ledger } = context;
  await addSizes(client, others);
  const [first] = others;
  if (first === undefined) return;
  const isKnown = (found: ReadonlyMap<string, string>, key: string): boolean =>
    found.has(key) && found.get(key) === ledger.fingerprint(key);
  const found = await identifyByRetrieval(client, [first], context);
  // What TOP shows of the first one can be believed, and so what it shows of the others.
  if (!isKnown(found, first.key)) return;
  const all = new Map([...found, ...(await identifyByRetrieval(client, others.slice(1), context))]);
  const learned = others
    .filter(({ key }) => isKnown(all, key))
    .map(({ key, bytes }): [string, Identity] => {
      const fingerprint = shown.get(key) ?? '';
      return [key, { fingerprint, ...(bytes !== undefined && { bytes }) }];
    });
  await ledger.recordIdentities(new Map(learned));
}
