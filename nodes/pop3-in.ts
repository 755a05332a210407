import type { NodeAPI } from 'node-red';
import { serveHealth } from './admin/health-routes';
import { serveTests } from './admin/test-routes';
import { deploysOf } from './node-red/deploys';
import { baseFolder } from './node-red/folders';
import { runtimeOf, translateBy } from './node-red/lifecycle';
import {
  type Pop3InCredentials,
  type Pop3InDef,
  type Pop3InNode,
  runPop3In,
  type Surroundings,
} from './node-red/running-pop3-in';

/** `pop3 in`: a mail arrives. */
export = function register(RED: NodeAPI): void {
  const surroundings: Surroundings = {
    RED,
    runtime: runtimeOf(RED),
    deploys: deploysOf(RED),
    translate: translateBy(RED),
  };
  serveHealth(RED, surroundings.runtime);
  serveTests(RED, surroundings.runtime);

  function Pop3In(this: Pop3InNode, def: Pop3InDef): void {
    RED.nodes.createNode(this, def);
    runPop3In(this, def, surroundings);
  }

  RED.nodes.registerType<Pop3InNode, Pop3InDef, object, Pop3InCredentials>('pop3 in', Pop3In, {
    credentials: { user: { type: 'text' }, password: { type: 'password' } },
    // The dialog shows where a relative folder is.
    settings: { pop3InFileFolder: { value: baseFolder(RED), exportable: true } },
  });
};
