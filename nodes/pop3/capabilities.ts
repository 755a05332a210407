import { showable } from '../base/shown';

/** What a server says it can do (RFC 2449 section 5). Names are compared in any case: some servers answer in lower case. */
export class Capabilities {
  readonly #lines: readonly string[] | undefined;
  readonly #mask: (text: string) => string;
  readonly #arguments = new Map<string, string[]>();

  /** `mask` takes out what a server repeats and must not be shown. */
  constructor(lines?: readonly string[], mask: (text: string) => string = (text) => text) {
    this.#lines = lines;
    this.#mask = mask;
    for (const line of lines ?? []) {
      const [name, ...rest] = line.trim().split(/[ \t]+/);
      if (name) this.#arguments.set(name.toUpperCase(), rest);
    }
  }

  /** The lines of the CAPA answer, as they may be shown; `undefined` when CAPA was refused. */
  get lines(): readonly string[] | undefined {
    return this.#lines?.map((line) => showable(this.#mask(line)));
  }

  /** Whether both answers say the same. */
  equals(other: Capabilities): boolean {
    return this.#lines?.join('\n') === other.#lines?.join('\n');
  }

  has(name: string): boolean {
    return this.#arguments.has(name.toUpperCase());
  }

  /** The arguments of a capability; empty when it has none or is absent. */
  arguments(name: string): readonly string[] {
    return this.#arguments.get(name.toUpperCase()) ?? [];
  }

  /** SASL mechanisms (RFC 5034), upper case. */
  get mechanisms(): readonly string[] {
    return this.arguments('SASL').map((name) => name.toUpperCase());
  }

  /** RFC 2449 section 6.6: commands may be sent before the replies to earlier ones have come. */
  get pipelining(): boolean {
    return this.has('PIPELINING');
  }

  /** RFC 2449 section 6.5: least time between two logins, in milliseconds. */
  get loginDelayMs(): number | undefined {
    const seconds = Number.parseInt(this.arguments('LOGIN-DELAY')[0] ?? '', 10);
    return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
  }

  /** RFC 2449 section 6.7: days the server keeps mail; 0 means retrieved mail may vanish when the session ends. */
  get expireDays(): number | 'never' | undefined {
    const [value] = this.arguments('EXPIRE');
    if (value === undefined) return undefined;
    if (value.toUpperCase() === 'NEVER') return 'never';
    const days = Number.parseInt(value, 10);
    return Number.isFinite(days) && days >= 0 ? days : undefined;
  }

  /** RFC 2449 section 6.9, as one line. */
  get implementation(): string | undefined {
    if (!this.has('IMPLEMENTATION')) return undefined;
    return showable(this.#mask(this.arguments('IMPLEMENTATION').join(' ')));
  }
}
