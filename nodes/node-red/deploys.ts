import type { NodeAPI } from 'node-red';
import { MailboxError } from '../mailbox';

/** For a node that sends by itself. */
export interface Deploys {
  /**
   * Sends while the flows run. A deploy closes the nodes a message is on its way to, all or some; Node-RED drops it
   * then and says nothing. What that may have happened to counts as not sent.
   *
   * @param send resolves when the message must have arrived
   * @throws what `signal` was aborted with, before anything was sent; MailboxError `stopped` when a deploy came between
   */
  between(signal: AbortSignal, send: () => Promise<void>): Promise<void>;
}

/** One listener for all, since an emitter warns of many. */
const known = new WeakMap<object, Deploys>();

export function deploysOf({ events }: Pick<NodeAPI, 'events'>): Deploys {
  const deploys = known.get(events) ?? listen(events);
  known.set(events, deploys);
  return deploys;
}

function listen(events: NodeAPI['events']): Deploys {
  let stops = 0;
  let stopped = false;
  const waiting = new Set<() => void>();
  events.on('flows:stopping', () => {
    stops += 1;
    stopped = true;
  });
  events.on('flows:started', () => {
    stopped = false;
    for (const go of waiting) go();
  });
  const running = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (!stopped) return resolve();
      const over = (end: () => void) => () => {
        waiting.delete(go);
        signal.removeEventListener('abort', leave);
        end();
      };
      const go = over(resolve);
      const leave = over(() => reject(signal.reason));
      waiting.add(go);
      signal.addEventListener('abort', leave);
    });
  return {
    between: async (signal, send) => {
      await running(signal);
      const before = stops;
      await send();
      if (stops !== before) throw new MailboxError('CONNECT', 'stopped');
    },
  };
}
