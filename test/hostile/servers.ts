// Mail servers and sign-in servers made to hurt, by what they say to each line.
import type { Answer } from './pourer';

/** To the first word of a command; to the rest of them a correct server's words. */
export interface HostileServer {
  greeting?: Answer;
  answers?: Record<string, Answer>;
  /** The login is by LONG_TOKEN. */
  takesToken?: boolean;
}

/** As long as tokens get. */
export const LONG_TOKEN = Array.from({ length: 1400 }, (_, at) => ((at * 7919) % 16_001).toString(36)).join(
  '',
);

/** What the login of user `a` by it sends. */
const TOKEN_LINE = Buffer.from(`user=a\x01auth=Bearer ${LONG_TOKEN}\x01\x01`).toString('base64');

const CORRECT: Record<string, string> = {
  CAPA: '+OK\r\nUSER\r\nUIDL\r\nTOP\r\n.\r\n',
  STAT: '+OK 1 10\r\n',
  LIST: '+OK\r\n1 10\r\n.\r\n',
  UIDL: '+OK\r\n1 a\r\n.\r\n',
  RETR: '+OK\r\nSubject: s\r\n\r\n.\r\n',
  TOP: '+OK\r\nSubject: s\r\n\r\n.\r\n',
};

export const answerOf = ({ greeting, answers }: HostileServer, line: string | undefined): Answer => {
  if (line === undefined) return greeting ?? '+OK ready\r\n';
  const word = line.split(' ', 1)[0]?.toUpperCase() ?? '';
  return answers?.[word] ?? CORRECT[word] ?? '+OK\r\n';
};

/** Controls, an escape sequence, C1, marks that turn the reading direction, and markup. */
const UGLY = '\0\x07\x1b[2J\x9b\u00e2\u0080\u00ae\u00e2\u0080\u00a8<img src=x onerror=alert(1)>';

export const HOSTILE_SERVERS: Record<string, HostileServer> = {
  'a greeting without end': { greeting: { text: '+OK ', endless: 'x' } },
  'blank lines before a greeting': { greeting: { text: '', endless: '\r\n' } },
  'line feeds before a greeting': { greeting: { text: '', endless: '\n' } },
  'zeros in place of a greeting': { greeting: { text: '', endless: '\0' } },
  'a greeting byte by byte': { greeting: { text: '+OK', endless: ' x', drip: 20 } },
  'nothing at all': { greeting: '' },
  'greetings without end': { greeting: { text: '', endless: '+OK ready\r\n' } },
  'replies that nothing asked for': { greeting: { text: '+OK ready\r\n', endless: '+OK\r\n' } },
  'capabilities without end': { answers: { CAPA: { text: '+OK\r\n', endless: 'X-CAPABILITY-1\r\n' } } },
  'one capability without end': { answers: { CAPA: { text: '+OK\r\n', endless: 'x' } } },
  'capabilities byte by byte': { answers: { CAPA: { text: '+OK\r\n', endless: 'X\r\n', drip: 20 } } },
  'challenges without end': {
    answers: {
      CAPA: '+OK\r\nSASL LOGIN PLAIN\r\n.\r\n',
      AUTH: { text: '', endless: '+ VXNlcm5hbWU6\r\n' },
    },
  },
  'a challenge without end': {
    answers: { CAPA: '+OK\r\nSASL LOGIN PLAIN\r\n.\r\n', AUTH: { text: '+ ', endless: 'QUJD' } },
  },
  'a refusal without end': { answers: { PASS: { text: '-ERR ', endless: 'no ' } } },
  'numbers without end': { answers: { STAT: `+OK ${'9'.repeat(10_000)} ${'9'.repeat(5000)}\r\n` } },
  'negative numbers': {
    answers: { STAT: '+OK -1 -1\r\n', LIST: '+OK\r\n-1 -10\r\n1 -10\r\n0 0\r\n.\r\n' },
  },
  'numbers that are none': {
    answers: {
      STAT: '+OK 1e308 NaN\r\n',
      LIST: '+OK\r\n1e9 1\r\n0x10 1\r\n1 Infinity\r\n9007199254740993 1\r\n.\r\n',
      UIDL: '+OK\r\n4294967297 a\r\n1 \r\n__proto__ b\r\n.\r\n',
    },
  },
  'a list without end': { answers: { LIST: { text: '+OK\r\n', endless: '1 1\r\n' } } },
  'a list of one line without end': { answers: { LIST: { text: '+OK\r\n', endless: '1' } } },
  'a list of empty lines without end': { answers: { LIST: { text: '+OK\r\n', endless: '\r\n' } } },
  'unique IDs without end': { answers: { UIDL: { text: '+OK\r\n', endless: '1 unique-id-of-a-mail\r\n' } } },
  'unique IDs of dots without end': { answers: { UIDL: { text: '+OK\r\n', endless: '..\r\n' } } },
  'unique IDs that repeat of a token what is long enough': {
    takesToken: true,
    answers: {
      CAPA: '+OK\r\nUIDL\r\nTOP\r\nSASL XOAUTH2\r\n.\r\n',
      AUTH: '+ \r\n',
      UIDL: { text: '+OK\r\n', endless: `1 ${'unique '.repeat(290)}\r\n2 ${LONG_TOKEN}\r\n` },
    },
  },
  'a challenge of almost the parts of a token': {
    takesToken: true,
    answers: {
      CAPA: '+OK\r\nSASL XOAUTH2\r\n.\r\n',
      AUTH: '+ \r\n',
      [TOKEN_LINE.toUpperCase()]: `+ ${Buffer.from(
        JSON.stringify((LONG_TOKEN.match(/.{70}/g) as string[]).map((part) => part.replace(/.{7}/g, '$&!'))),
      ).toString('base64')}\r\n`,
      '': '-ERR\r\n',
    },
  },
  'a mail without end': { answers: { RETR: { text: '+OK 10 octets\r\n', endless: 'line\r\n' } } },
  'a mail of dots without end': { answers: { RETR: { text: '+OK\r\n', endless: '..\r\n' } } },
  'a mail of carriage returns without end': { answers: { RETR: { text: '+OK\r\n', endless: '\r.\r' } } },
  'a mail byte by byte': { answers: { RETR: { text: '+OK\r\n', endless: 'x', drip: 20 } } },
  'the top of a mail without end': { answers: { TOP: { text: '+OK\r\n', endless: 'X-Header: y\r\n' } } },
  'words with controls and markup': {
    greeting: `+OK ${UGLY}\r\n`,
    answers: {
      CAPA: `+OK ${UGLY}\r\nIMPLEMENTATION ${UGLY}\r\nSASL ${UGLY}\r\n.\r\n`,
      PASS: `-ERR [AUTH] ${UGLY}\r\n`,
    },
  },
  'unique IDs with controls and markup': {
    answers: { UIDL: `+OK\r\n1 ${UGLY}\r\n.\r\n`, RETR: `-ERR ${UGLY}\r\n` },
  },
};

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';
const withBody = (body: string): string => `${OK}Content-Length: ${body.length}\r\n\r\n${body}`;

/** To the empty line that ends a request. */
export const HOSTILE_ANSWERS: Record<string, Answer> = {
  'a status line without end': { text: 'HTTP/1.1 200 ', endless: 'x' },
  'a header without end': { text: `${OK}X-Header: `, endless: 'x' },
  'headers without end': { text: OK, endless: 'X-Header: y\r\n' },
  'interim answers without end': { text: '', endless: 'HTTP/1.1 103 Early Hints\r\n\r\n' },
  'a body without end': { text: `${OK}\r\n`, endless: ' ' },
  'chunks of one byte without end': {
    text: `${OK}Transfer-Encoding: chunked\r\n\r\n`,
    endless: '1\r\n \r\n',
  },
  'a chunk extension without end': {
    text: `${OK}Transfer-Encoding: chunked\r\n\r\n1;`,
    endless: 'x',
  },
  'trailers without end': {
    text: `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n`,
    endless: 'X-Header: y\r\n',
  },
  'a body byte by byte': { text: `${OK}\r\n`, endless: ' ', drip: 20 },
  'a length beyond all numbers': `${OK}Content-Length: 99999999999999999999999\r\n\r\n{}`,
  'a negative length': `${OK}Content-Length: -1\r\n\r\n{}`,
  // An expression that looks for the end of a string from each quote reads this 125,000 times.
  'escaped quotes in a string that never ends': withBody(`"${'\\"'.repeat(125_000)}`),
  'objects in place of texts': withBody(
    `{${['issuer', 'token_endpoint', 'access_token', 'error', 'error_description', 'token_type', 'scope']
      .map((name) => `"${name}":{"toString":1,"valueOf":[]}`)
      .join()}}`,
  ),
  'arrays inside each other': withBody('['.repeat(250_000)),
  'arrays inside each other, closed': withBody('['.repeat(120_000) + ']'.repeat(120_000)),
  'objects inside each other': withBody(`${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`),
  'a token inside objects without end': withBody(
    `{"access_token":${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}}`,
  ),
  'as many names as there is room for': withBody(
    `{${Array.from({ length: 20_000 }, (_, at) => `"k${at}":1`).join()}}`,
  ),
  'a number of 250,000 digits': withBody(`{"expires_in":${'9'.repeat(250_000)},"access_token":"a"}`),
  'an error of 250,000 characters': withBody(`{"error":"${'<b>\\u202e'.repeat(25_000)}"}`),
  'names of an object': withBody('{"__proto__":{"access_token":"a"},"constructor":1,"toString":{}}'),
  'a redirect to itself': 'HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n',
  'a redirect to where nothing may go':
    'HTTP/1.1 307 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n',
  'a redirect with a long address': `HTTP/1.1 301 Found\r\nLocation: https://${'a'.repeat(15_000)}/\r\nContent-Length: 0\r\n\r\n`,
  'another protocol': { text: 'SSH-2.0-x\r\n', endless: 'x' },
  'what claims to be packed': `${OK}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}`,
};

/** Autoconfig files of 64 kB, which is what is read of one. */
export const HOSTILE_FILES: Record<string, string> = {
  'elements inside each other': '<a>'.repeat(21_000),
  'elements beside each other': `<clientConfig>${'<a/>'.repeat(16_000)}</clientConfig>`,
  'attributes without end': `<clientConfig ${'a="" '.repeat(13_000)}>`,
  'an attribute that never ends': `<clientConfig a="${'x'.repeat(65_000)}`,
  'blanks in a tag': `<clientConfig${' '.repeat(65_000)}`,
  'blanks and names in a tag': `<clientConfig ${'a '.repeat(32_000)}`,
  'equals signs in a tag': `<clientConfig ${'a = '.repeat(16_000)}`,
  'a comment that never ends': `<!--${'--'.repeat(32_000)}`,
  'comments that never end': '<!-- -'.repeat(10_000),
  'instructions that never end': '<?a '.repeat(16_000),
  'entities inside each other': `<!DOCTYPE a [${'<!ENTITY a "&a;&a;">'.repeat(3000)}]><a>&a;</a>`,
  'entities without end': `<clientConfig>${'&amp;'.repeat(13_000)}</clientConfig>`,
  'names of an object': '<clientConfig __proto__="x" constructor="y"><__proto__/></clientConfig>',
};
