/** What an observer of a session hears, in the order of things. No event holds a secret. */
export type TraceEvent =
  | { type: 'connected'; address?: string; port?: number }
  | {
      type: 'encrypted';
      protocol: string | null;
      cipher: string;
      trusted: boolean;
      subject?: string;
      issuer?: string;
      /** DNS names and IP addresses it is good for (RFC 5280 section 4.2.1.6). */
      names?: readonly string[];
      validFrom?: string;
      validTo?: string;
      fingerprint256?: string;
    }
  | { type: 'greeting'; line: string; lineMode: 'crlf' | 'lf' }
  | { type: 'capabilities'; lines: readonly string[] | undefined }
  | { type: 'login'; mechanism: string }
  | { type: 'opened'; messages: number; octets: number }
  | { type: 'sent'; line: string }
  | { type: 'received'; line: string }
  | { type: 'closed'; code?: string };

/** What a transcript of the session shows of it: `C:` and `S:` as in the RFCs, `--` for what is no line. */
export function transcriptOf(event: TraceEvent): string[] {
  switch (event.type) {
    case 'connected':
      return [`-- connected to ${event.address ?? '?'} port ${event.port ?? '?'}`];
    case 'encrypted':
      return [`-- ${event.protocol ?? 'TLS'}, ${event.cipher}`];
    case 'sent':
      return [`C: ${event.line}`];
    case 'received':
      return [`S: ${event.line}`];
    case 'capabilities':
      return (event.lines ?? []).map((line) => `S:   ${line}`);
    case 'closed':
      return [`-- closed${event.code === undefined ? '' : ` (${event.code})`}`];
    default:
      return [];
  }
}
