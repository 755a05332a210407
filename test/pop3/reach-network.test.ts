// How a server is reached on networks where addresses lead nowhere and names are not known: a network of its own.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inNetworkOfItsOwn, needsNetwork } from './own-network';

/** Documentation addresses (RFC 5737, RFC 3849): one that swallows every packet, one without a route. */
const HOSTS = [
  ['127.0.0.1', 'localhost'],
  ['192.0.2.1', 'swallowed.test first.test'],
  ['127.0.0.1', 'first.test'],
  ['127.0.0.1', 'last.test'],
  ['192.0.2.1', 'last.test'],
  ['2001:db8::5', 'six.test only-six.test'],
  ['127.0.0.1', 'six.test'],
];
const hosts = HOSTS.map(([address, names]) => `${address} ${names}`).join('\\n');

// What is sent into one end of the pair comes out at the other, which is not read: it is swallowed without an answer.
const SETUP = [
  'ip link add swallows type veth peer name nobody',
  'ip link set swallows up',
  'ip link set nobody up',
  'ip addr add 192.0.2.2/24 dev swallows',
  'ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev swallows nud permanent',
  'mount -t tmpfs none /mnt',
  `printf '${hosts}\\n' > /mnt/hosts`,
  // The port of a name server that does not listen: DNS does not answer.
  "printf 'nameserver 127.0.0.9\\noptions timeout:1 attempts:1\\n' > /mnt/resolv.conf",
  'mount --bind /mnt/hosts /etc/hosts',
  'mount --bind /mnt/resolv.conf /etc/resolv.conf',
].join(' && ');

interface Told {
  host: string;
  greeting?: string;
  code?: string;
  reason?: string;
  retryable?: boolean;
  ms: number;
}

describe('pop3: a network where not every way leads to the server', () => {
  before(needsNetwork(SETUP, 'a network of its own'));

  it('is reached past addresses that lead nowhere, and what cannot be reached says why', async function () {
    this.timeout(60_000);
    const child = JSON.stringify(join(__dirname, 'reach-child.ts'));
    const names = [
      'first.test',
      'last.test',
      'six.test',
      'only-six.test',
      'swallowed.test',
      'unknown.example',
    ];
    const [file, args] = inNetworkOfItsOwn(SETUP, `exec node --require tsx/cjs ${child} ${names.join(' ')}`);
    const { stdout } = await promisify(execFile)(file, args, { timeout: 50_000 });
    const told = new Map((JSON.parse(stdout) as Told[]).map((one) => [one.host, one]));
    for (const name of ['first.test', 'last.test', 'six.test']) {
      assert.equal(told.get(name)?.greeting, 'here', JSON.stringify(told.get(name)));
    }
    const failed = (name: string) => {
      const { code, reason, retryable } = told.get(name) ?? {};
      return [code, reason, retryable];
    };
    assert.deepEqual(failed('only-six.test'), ['CONNECT', 'unreachable', true]);
    assert.deepEqual(failed('swallowed.test'), ['TIMEOUT', 'timeout', true]);
    assert.ok((told.get('swallowed.test')?.ms ?? 0) >= 1400, 'it was waited for');
    // As it is right after a start, before the network is up: temporary, and no wrong name.
    assert.deepEqual(failed('unknown.example'), ['CONNECT', 'dns-unavailable', true]);
  });
});
