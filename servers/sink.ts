import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { FlowNode } from './node-red';

/** A message as a flow sent it; Buffers are Buffers again, Dates are ISO strings. */
export type Received = Record<string, unknown> & { _msgid: string };

/** Where a flow's messages leave Node-RED and come into a test, in the order the flow sent them. */
export interface Sink {
  /** Core nodes that send messages here. Wire the nodes of interest to the node with the id `tag`. */
  nodes(tag: string, z: string): FlowNode[];
  /** Everything that came in under a tag so far, the oldest first. */
  received(tag: string): readonly Received[];
  /** The next message under a tag that was not handed out by `next` before; waits for it. */
  next(tag: string, ms?: number): Promise<Received>;
  close(): Promise<void>;
}

interface Post {
  tag: string;
  run: string;
  number: number;
  message: Received;
}

/** Starts a sink on a port of its own. */
export async function startSink(): Promise<Sink> {
  const boxes = new Map<string, { received: Received[]; taken: number; listeners: Set<() => void> }>();
  const box = (tag: string) => {
    const found = boxes.get(tag) ?? { received: [], taken: 0, listeners: new Set() };
    boxes.set(tag, found);
    return found;
  };
  // Each message is an http request of its own, and those may overtake each other: the flow numbers them.
  const early = new Map<string, { expected: number; waiting: Map<number, Received> }>();

  const server = createServer(async (request, response) => {
    const { tag, run, number, message } = (await json(request)) as Post;
    response.end();
    const line = early.get(`${tag} ${run}`) ?? { expected: 1, waiting: new Map<number, Received>() };
    early.set(`${tag} ${run}`, line);
    line.waiting.set(number, revive(message) as Received);
    const { received, listeners } = box(tag);
    for (let next = line.waiting.get(line.expected); next; next = line.waiting.get(line.expected)) {
      line.waiting.delete(line.expected);
      line.expected += 1;
      received.push(next);
    }
    for (const listener of [...listeners]) listener();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  return {
    nodes: (tag, z) => [
      {
        id: tag,
        type: 'function',
        z,
        name: tag,
        // It swallows its own errors: a Catch of the test's flow would send them here again, without end.
        libs: [{ var: 'http', module: 'node:http' }],
        func: `
          const { req, res, ...message } = msg;
          const number = (context.get('number') || 0) + 1;
          context.set('number', number);
          const run = context.get('run') || RED.util.generateId();
          context.set('run', run);
          const payload = JSON.stringify({ tag: ${JSON.stringify(tag)}, run, number, message });
          const headers = { 'content-type': 'application/json' };
          const request = http.request(${JSON.stringify(url)}, { method: 'POST', headers });
          request.on('response', (response) => response.resume());
          request.on('error', () => {});
          request.end(payload);`,
        outputs: 0,
        wires: [],
      },
    ],
    received: (tag) => box(tag).received,
    next(tag, ms = 20_000) {
      const { received, listeners } = box(tag);
      return new Promise((resolve, reject) => {
        const look = () => {
          const message = received[box(tag).taken];
          if (!message) return;
          box(tag).taken += 1;
          clearTimeout(timer);
          listeners.delete(look);
          resolve(message);
        };
        const timer = setTimeout(() => {
          listeners.delete(look);
          reject(
            new Error(`No message came to ${tag} within ${ms / 1000} s; ${received.length} had come before`),
          );
        }, ms);
        listeners.add(look);
        look();
      });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** JSON writes a Buffer as `{ type: 'Buffer', data: […] }`. */
function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value;
  if ('type' in value && value.type === 'Buffer' && 'data' in value && Array.isArray(value.data)) {
    return Buffer.from(value.data);
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(inner)]));
}
