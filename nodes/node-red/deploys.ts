import type { NodeAPI } from 'node-red';
import type { Stop } from '../base/stop';
import { stopped as endedByDeploy } from '../mailbox';

/** For a node that sends by itself. */
export interface Deploys {
  /**
   * Sends while the flows run. A deploy closes the nodes a message is on its way to, all or some; Node-RED drops it
   * then and says nothing. What that may have happened to counts as not sent.
   *
   * @param closing stopped when the node itself is closed
   * @param send resolves when the message must have arrived
   * @throws AbortError where the node is closed before anything was sent; MailboxError `stopped` when a deploy came between
   */
  between(closing: Stop, send: () => Promise<void>): Promise<void>;
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
  const started = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
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
    between: async (closing, send) => {
      if (stopped || closing.isStopped) await closing.during(started);
      const before = stops;
      await send();
      if (stops !== before) throw endedByDeploy();
    },
  };
}
