// Nodes for Node-RED that look at what a thousand mailboxes do to everything else there.
const { readdirSync, readFileSync } = require('node:fs');

/** When each mailbox was checked, ms; how late each tick of an inject node came, and the CPU used meanwhile. */
const checks = new Map();
const ticks = [];
let mails = 0;
/** The start of the flows: how things stood then. */
let from;

const memory = (name) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;

/** Milliseconds of CPU of this process, all its threads together. */
function used() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

module.exports = (RED) => {
  RED.events.on('flows:started', () => {
    from = { at: performance.now(), cpu: used(), resident: memory('VmRSS') };
    // Both since the beginning of the process.
    console.log(`BENCH started ${Math.round(from.at)} ${Math.round(from.cpu)}`);
  });
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
      // Before all nodes are created no flow can be delayed.
      if (from !== undefined) {
        const now = { at: performance.now(), cpu: used() };
        if (last !== undefined) {
          ticks.push({ late: Math.abs(now.at - last.at - def.every), cpu: now.cpu - last.cpu });
        }
        last = now;
      }
      done();
    });
  });
  RED.nodes.registerType('bench idle', function (def) {
    RED.nodes.createNode(this, def);
  });
  RED.httpAdmin.get('/bench', (_, response) => {
    response.json({
      checks: [...checks].map(([mailbox, at]) => [mailbox, at.map((ms) => ms - from.at)]),
      ticks,
      mails,
      atStart: from.resident,
      resident: memory('VmRSS'),
      peak: memory('VmHWM'),
      cpu: used() - from.cpu,
      open: readdirSync('/proc/self/fd').length,
      ms: performance.now() - from.at,
    });
  });
};
