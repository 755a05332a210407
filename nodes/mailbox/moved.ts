import { isStrong } from './fingerprint';

/** A known mail that is not listed under its key any more. */
export interface Source {
  key: string;
  bytes?: number;
}

/** A listed mail that may be one of them. */
interface Candidate extends Source {
  fingerprint: string;
}

/** The server counts bytes in another way by now where so many mails have other sizes, and more than have the same. */
const RESIZED_LEAST = 3;

/**
 * Finds known mails again under the keys they have now. Each accounts for one listed mail. Two mails may have the same
 * Message-ID, Date, From and Subject: what has another size counts as another mail, unless most of them have.
 *
 * @param sources by fingerprint; those that are found are taken out
 * @returns `found`: the former key by the present one; `resized`: present keys of what differs from a known mail by its
 *   size alone
 */
export function findMoved(
  sources: Map<string, Source[]>,
  candidates: readonly Candidate[],
): { found: Map<string, string>; resized: Set<string> } {
  const found = new Map<string, string>();
  let sized = 0;
  for (const { key, fingerprint, bytes } of candidates) {
    const source = take(sources, fingerprint, (one) => (one.bytes ?? bytes) === (bytes ?? one.bytes));
    if (source === undefined) continue;
    found.set(key, source.key);
    if (source.bytes !== undefined && bytes !== undefined) sized += 1;
  }
  const resized = new Map<string, { fingerprint: string; source: Source }>();
  for (const { key, fingerprint } of candidates) {
    if (found.has(key) || !isStrong(fingerprint)) continue;
    const source = take(sources, fingerprint, () => true);
    if (source !== undefined) resized.set(key, { fingerprint, source });
  }
  if (resized.size >= RESIZED_LEAST && resized.size > sized) {
    for (const [key, { source }] of resized) found.set(key, source.key);
    return { found, resized: new Set() };
  }
  for (const { fingerprint, source } of resized.values()) sources.get(fingerprint)?.push(source);
  return { found, resized: new Set(resized.keys()) };
}

function take(
  sources: ReadonlyMap<string, Source[]>,
  fingerprint: string,
  isSame: (source: Source) => boolean,
): Source | undefined {
  const rest = sources.get(fingerprint) ?? [];
  const at = rest.findIndex(isSame);
  return at === -1 ? undefined : rest.splice(at, 1)[0];
}
