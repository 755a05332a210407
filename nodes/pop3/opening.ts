import { sendCapa, takeCapabilities } from './commands/capa';
import { KeepAlive } from './commands/command';
import type { Lines } from './commands/lines';
import { sendList } from './commands/list';
import { takeStatus } from './commands/stat';
import { sendUidl } from './commands/uidl';
import type { Listing, MaildropStatus, UniqueId } from './listing';
import { refusal } from './refusal';
import type { Session } from './session';

/** Listings that were asked for together with STAT, to be read later. */
export interface ListedAhead {
  uidl?: Lines<UniqueId> | undefined;
  list?: Lines<Listing> | undefined;
}

/**
 * What follows the login: CAPA again (RFC 2449 section 5: it may say more now), STAT, and the listings. Where the server is
 * known to take commands ahead (RFC 2449 section 6.8), all of it is one round trip. Where it is not, a remembered CAPA is not
 * asked for again.
 */
export async function openMailbox(
  session: Session,
  listAhead: boolean,
): Promise<{ maildrop: MaildropStatus; ahead: ListedAhead }> {
  const { connection, settings } = session;
  const { clock, known, trace } = settings;
  connection.loggedIn();
  connection.keepAlive = () => new KeepAlive();
  const before = session.capabilities;
  const offer = known?.offer(clock.now());
  if (offer?.after.pipelining) connection.pipelining = true;
  const isRemembered = offer !== undefined && !connection.pipelining;

  const ahead: ListedAhead = {};
  const { capa, status } = connection.together(() => {
    const sent = {
      capa: isRemembered ? undefined : sendCapa(session),
      status: session.send('STAT', { slow: true }),
    };
    if (listAhead && connection.pipelining) {
      ahead.uidl = sendUidl(session);
      if (known?.isSmall) ahead.list = sendList(session);
    }
    return sent;
  });
  if (capa) {
    takeCapabilities(session, await capa.promise);
    if (offer && !offer.after.equals(session.capabilities)) known?.forget();
    else if (!session.isRemembered) known?.learn({ before, after: session.capabilities }, clock.now());
  } else if (offer) session.capabilities = offer.after;
  const response = await status.promise;
  if (response.status !== 'ok') throw refusal(response, 'opening', 'STAT');
  const maildrop = takeStatus(session, response);
  trace?.({ type: 'opened', ...maildrop });
  return { maildrop, ahead };
}
