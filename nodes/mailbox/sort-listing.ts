import type { CheckContext } from './check-context';
import type { ListedMail } from './listing';

/** The mails of a listing, as the ledger has them. */
interface Sorted {
  known: ListedMail[];
  /** Also what was tried before: under its ID there may be a known mail by now. */
  unknown: ListedMail[];
  /** Of all mails together by what is remembered; NaN where that is not known. */
  rememberedBytes: number;
}

/** One look at each mail, of which there may be a hundred thousand. */
export function sortListing({ ledger, delivery }: CheckContext, mails: readonly ListedMail[]): Sorted {
  const known: ListedMail[] = [];
  const unknown: ListedMail[] = [];
  let rememberedBytes = 0;
  for (const mail of mails) {
    const { key } = mail;
    const bytes = ledger.bytes(key);
    rememberedBytes += bytes < 0 ? Number.NaN : bytes;
    if (bytes >= 0 || ledger.isKnown(key)) known.push(mail);
    else if (!delivery.holds(key)) unknown.push(mail);
  }
  return { known, unknown, rememberedBytes };
}
