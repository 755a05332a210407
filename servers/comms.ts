import { once } from 'node:events';
import WebSocket from 'ws';

/** A node's status as the editor gets it; all fields absent: no status. */
export interface Status {
  fill?: string;
  shape?: string;
  text?: string;
}

/** Anything the runtime publishes to open editors. */
export interface Published {
  topic: string;
  data: unknown;
}

/** What an open editor hears: statuses, debug messages, and what nodes publish themselves with `RED.comms`. */
export class Comms {
  /** Everything heard so far, the oldest first. */
  readonly published: Published[] = [];
  #socket: WebSocket;
  #listeners = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const heard: unknown = JSON.parse(String(data));
      for (const item of Array.isArray(heard) ? heard : []) {
        if (isPublished(item) && item.topic !== 'hb') this.published.push(item);
      }
      for (const listener of [...this.#listeners]) listener();
    });
  }

  /** @param token of a signed-in user, where the editor has users. */
  static async open(url: string, token?: string): Promise<Comms> {
    const socket = new WebSocket(url);
    socket.on('error', () => {});
    await once(socket, 'open');
    const comms = new Comms(socket);
    if (token) {
      socket.send(JSON.stringify({ auth: token }));
      await once(socket, 'message');
    }
    socket.send(JSON.stringify({ subscribe: 'status/#' }));
    return comms;
  }

  /** The statuses a node has had, the oldest first, beginning with the one it had when the editor was opened. */
  statuses(node: string): Status[] {
    return this.of(`status/${node}`) as Status[];
  }

  /** What was published under a topic. */
  of(topic: string): unknown[] {
    return this.published.filter((item) => item.topic === topic).map(({ data }) => data);
  }

  /**
   * Settles with the first status of a node that fits, of those it has had since `since` (a length of
   * `statuses(node)`; default 0: from the beginning).
   */
  async waitForStatus(
    node: string,
    fits: RegExp | ((status: Status) => boolean),
    since = 0,
    ms = 20_000,
  ): Promise<Status> {
    const test = fits instanceof RegExp ? ({ text }: Status) => fits.test(text ?? '') : fits;
    const find = () => this.statuses(node).slice(since).find(test);
    return this.#waitFor(
      find,
      () => `status ${fits} of ${node}; it had ${JSON.stringify(this.statuses(node))}`,
      ms,
    );
  }

  /** Settles with the data of the first thing published under the topic, since `since` (a length of `of(topic)`). */
  async waitFor(topic: string, fits: (data: unknown) => boolean = () => true, since = 0): Promise<unknown> {
    const find = () =>
      this.published
        .filter((item) => item.topic === topic)
        .slice(since)
        .find(({ data }) => fits(data));
    const { data } = await this.#waitFor(find, () => `${topic}; there was ${JSON.stringify(this.of(topic))}`);
    return data;
  }

  close(): void {
    this.#socket.terminate();
  }

  #waitFor<T>(find: () => T | undefined, what: () => string, ms = 20_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = find();
        if (found === undefined) return;
        settle();
        resolve(found);
      };
      const settle = () => {
        clearTimeout(timer);
        this.#listeners.delete(look);
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`Waited ${ms / 1000} s in vain for ${what()}`));
      }, ms);
      this.#listeners.add(look);
      look();
    });
  }
}

function isPublished(item: unknown): item is Published {
  return typeof item === 'object' && item !== null && 'topic' in item && typeof item.topic === 'string';
}
