import type { Request, RequestHandler } from 'express';
import type { NodeAPI } from 'node-red';
import type { Runtime } from '../runtime';
import { onlyFromTheEditor } from './guard';
import type { DrainRequest, MoveRequest } from './protocol';
import { textOf } from './text-of';

type Fleet = NonNullable<Runtime['fleet']>;

/**
 * What a person moves by hand in a fleet. The database tells the owner to give a mailbox up, which happens in order and
 * within a few seconds: 202. There is no such replica, or no fleet: 404. The request does not say what is wanted: 400.
 */
export function serveFleet(RED: NodeAPI, runtime: Pick<Runtime, 'fleet'>): void {
  const may = RED.auth.needsPermission('redletter.write') as unknown as RequestHandler;
  const route = (
    path: string,
    act: (fleet: Fleet, body: Request['body']) => Promise<boolean> | undefined,
  ): void => {
    RED.httpAdmin.post(`/redletter/fleet/${path}`, onlyFromTheEditor, may, (request, response) => {
      const { fleet } = runtime;
      const asked = fleet === undefined ? Promise.resolve(false) : act(fleet, request.body);
      if (asked === undefined) {
        response.status(400).json({});
        return;
      }
      asked.then(
        (known) => response.status(known ? 202 : 404).json({}),
        // The database is away; the tab says so.
        () => response.status(503).json({}),
      );
    });
  };
  route('drain', (fleet, { replica, draining }: Partial<DrainRequest>) =>
    typeof draining === 'boolean' ? fleet.drain(textOf(replica), draining) : undefined,
  );
  route('move', (fleet, { id, replica }: Partial<MoveRequest>) => fleet.move(textOf(id), textOf(replica)));
}
