// Nodes for Node-RED that look at what a thousand mailboxes do to everything else there.
const { readFileSync } = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');

/** When each mailbox was checked, ms; and how late each tick of an inject node came. */
const checks = new Map();
const lateness = [];
let mails = 0;
const delay = monitorEventLoopDelay({ resolution: 5 });
const from = performance.now();

module.exports = (RED) => {
  RED.nodes.registerType('bench checks', function (def) {
    RED.nodes.createNode(this, def);
    this.on('input', (msg, _, done) => {
      if (msg.pop3) mails += 1;
      else checks.set(def.mailbox, [...(checks.get(def.mailbox) ?? []), performance.now()]);
      done();
    });
  });
  RED.nodes.registerType('bench ticks', function (def) {
    RED.nodes.createNode(this, def);
    let last;
    this.on('input', (_msg, _send, done) => {
      const now = performance.now();
      if (last !== undefined) lateness.push(Math.abs(now - last - def.every));
      last = now;
      done();
    });
  });
  delay.enable();
  RED.httpAdmin.get('/bench', async (_, response) => {
    const status = readFileSync('/proc/self/status', 'utf8');
    const memory = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024;
    const { user, system } = process.cpuUsage();
    response.json({
      checks: [...checks].map(([mailbox, at]) => [mailbox, at.map((ms) => ms - from)]),
      lateness: lateness.toSorted((a, b) => a - b),
      mails,
      resident: memory('VmRSS'),
      peak: memory('VmHWM'),
      cpu: (user + system) / 1000,
      block: delay.max / 1e6,
      ms: performance.now() - from,
    });
  });
};
