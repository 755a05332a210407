// A node for Node-RED that looks at what a mail costs there: one before the node that fetches, one behind it.
const { readFileSync, writeFileSync } = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');

const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
/** Where a CPU profile goes (`--profile` of the bench), or nowhere. */
const profile = process.env.BENCH_PROFILE;
const session = profile && new (require('node:inspector').Session)();
const inspect = (method) => new Promise((resolve) => session.post(method, (_, answer) => resolve(answer)));
let run;

async function begin() {
  if (profile) {
    session.connect();
    await inspect('Profiler.enable');
    await inspect('Profiler.start');
  }
  const delay = monitorEventLoopDelay({ resolution: 1 });
  // Linux: the greatest resident set counts from now on.
  writeFileSync('/proc/self/clear_refs', '5');
  run = { mails: 0, text: 0, attached: 0, delay, cpu: process.cpuUsage(), start: performance.now() };
  delay.enable();
}

function take({ payload, attachments = [] }) {
  run.mails += 1;
  run.text += payload?.length ?? 0;
  for (const { content } of attachments) run.attached += content?.length ?? 0;
}

async function end() {
  const wall = performance.now() - run.start;
  if (profile) writeFileSync(profile, JSON.stringify((await inspect('Profiler.stop')).profile));
  const { user, system } = process.cpuUsage(run.cpu);
  run.delay.disable();
  const { mails, text, attached, delay } = run;
  const cost = {
    wall,
    cpu: (user + system) / 1000,
    peak: peak(),
    block: delay.max / 1e6,
    mails,
    text,
    attached,
  };
  console.log(`BENCH ${JSON.stringify(cost)}`);
}

module.exports = (RED) => {
  RED.nodes.registerType('bench probe', function (def) {
    RED.nodes.createNode(this, def);
    this.on('input', async (msg, send, done) => {
      if (def.begins) {
        await begin();
        send(msg);
      } else {
        take(msg);
        // The loop is looked at for one turn more: the last block must not be left out.
        if (run.mails === def.expected) setTimeout(end, 2);
      }
      done();
    });
  });
};
