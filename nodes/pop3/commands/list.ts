import { type Listing, readListing, unreadable } from '../listing';
import { refusal } from '../refusal';
import type { Session } from '../session';
import { accepted } from './command';
import type { Lines } from './lines';
import { messageNumber } from './message-number';

/** LIST (RFC 1939 section 5) of one mail. */
export async function listOne(session: Session, number: number): Promise<Listing> {
  const response = await accepted(
    session.send(`LIST ${messageNumber(number)}`, { slow: true }),
    'transaction',
  );
  const listing = readListing(response.text);
  if (listing?.number !== number) throw unreadable('LIST');
  remember(session, listing);
  return listing;
}

/** The same from an answer for all of them; undefined where it does not tell. */
export async function findListed(
  session: Session,
  sent: Lines<Listing>,
  number: number,
): Promise<Listing | undefined> {
  const reply = await sent.promise.catch(() => undefined);
  if (reply?.response.status !== 'ok') return undefined;
  const found = (await reply.itemsInTurns()).find((listing) => listing.number === number);
  if (found !== undefined) remember(session, found);
  return found;
}

export function sendList(session: Session): Lines<Listing> {
  return session.sendForLines('LIST', session.settings.limits.list, readListing);
}

/** The answer to LIST. Lines that cannot be read are left out. */
export async function takeList(session: Session, sent: Lines<Listing>): Promise<Listing[]> {
  const reply = await sent.promise;
  if (reply.response.status !== 'ok') throw refusal(reply.response, 'transaction', 'LIST');
  const items = await reply.itemsInTurns();
  for (const listing of items) remember(session, listing);
  return items;
}

function remember({ sizes }: Session, { number, octets }: Listing): void {
  if (octets !== undefined) sizes.set(number, octets);
}
