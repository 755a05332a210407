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
      /** DNS names and IP addresses it is good for (RFC 5280 §4.2.1.6). */
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
