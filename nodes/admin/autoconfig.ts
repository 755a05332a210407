/** What an autoconfig file says of a POP3 server. */
export interface AutoconfigServer {
  host: string;
  port: number;
  security: 'tls' | 'starttls';
  /** The user name is what stands before the @. */
  localPart?: true;
  oauth2?: true;
}

interface Element {
  name: string;
  attributes: Record<string, string>;
  children: Element[];
  text: string;
}

const MOST_DEPTH = 12;
/** Not objects: a file may name what every object has, such as `constructor`. */
const ENTITIES = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);
const SECURITIES = new Map<string | undefined, AutoconfigServer['security']>([
  ['SSL', 'tls'],
  ['STARTTLS', 'starttls'],
]);

/** Whether a text is a whole file of the kind, whatever it holds. */
export const isAutoconfig = (text: string): boolean => parse(text)?.name === 'clientConfig';

/**
 * The best `<incomingServer type="pop3">` of an autoconfig file (Mozilla's config-v1.1.xml): implicit TLS before
 * STARTTLS; one without encryption counts for nothing. Undefined: there is none, or the file is not what it should be.
 */
export function readAutoconfig(text: string): AutoconfigServer | undefined {
  const root = parse(text);
  if (root?.name !== 'clientConfig') return undefined;
  const servers = root.children
    .filter(({ name }) => name === 'emailProvider')
    .flatMap(({ children }) => children)
    .filter(({ name, attributes }) => name === 'incomingServer' && attributes.type === 'pop3')
    .map(serverOf)
    .filter((server) => server !== undefined);
  return servers.find(({ security }) => security === 'tls') ?? servers[0];
}

function serverOf(element: Element): AutoconfigServer | undefined {
  const all = (name: string): string[] =>
    element.children.filter((child) => child.name === name).map((child) => child.text.trim());
  const [host = ''] = all('hostname');
  const port = Number(all('port')[0]);
  const security = SECURITIES.get(all('socketType')[0]);
  // Their own placeholder for the domain has been looked up in the domain itself, so it would say nothing new.
  if (host === '' || host.includes('%') || security === undefined) return undefined;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  const ways = all('authentication');
  return {
    host,
    port,
    security,
    ...(all('username')[0] === '%EMAILLOCALPART%' && { localPart: true }),
    ...(ways.length > 0 && ways.every((way) => way === 'OAuth2') && { oauth2: true }),
  };
}

/** Elements, attributes, text, comments and the five entities; anything else of XML ends it: undefined. */
function parse(text: string): Element | undefined {
  const token =
    /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<(\/?)([A-Za-z][\w.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|[^<]+/y;
  const top: Element = { name: '', attributes: {}, children: [], text: '' };
  const open: Element[] = [top];
  const source = text.replace(/^\ufeff/, '');
  while (token.lastIndex < source.length) {
    const found = token.exec(source);
    if (found === null) return undefined;
    const [all, closing, name, attributes = '', empty] = found;
    const parent = open.at(-1) as Element;
    if (name === undefined) {
      if (!all.startsWith('<')) parent.text += decoded(all);
    } else if (closing) {
      if (open.length < 2 || parent.name !== name) return undefined;
      open.pop();
    } else {
      const element: Element = { name, attributes: attributesOf(attributes), children: [], text: '' };
      parent.children.push(element);
      if (!empty) open.push(element);
      if (open.length > MOST_DEPTH) return undefined;
    }
  }
  return open.length === 1 && top.children.length === 1 ? top.children[0] : undefined;
}

function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map(([, name, one, other]) => [
      name,
      decoded(one ?? other ?? ''),
    ]),
  );
}

const decoded = (text: string): string => text.replace(/&(\w+);/g, (all, name) => ENTITIES.get(name) ?? all);
