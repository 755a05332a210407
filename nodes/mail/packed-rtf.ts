// The RTF of a message in a winmail.dat, compressed (MS-OXRTFCP).

const COMPRESSED = 0x75465a4c;
const UNCOMPRESSED = 0x414c454d;
/** What every RTF begins with. */
const START = '{\\rtf';
/** Bytes unpacked before there may be a pause. */
const STRETCH = 64 * 1024;

/** What the dictionary holds before the first byte (MS-OXRTFCP section 2.1.2.1). */
const DICTIONARY =
  '{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx';

/** As large as it says, but never more than eighteen times as it came. */
export const unpackedSize = (packed: Buffer): number =>
  packed.length < 16 ? 0 : Math.min(packed.readUInt32LE(4), packed.length * 18);

/**
 * Unpacks the RTF of a message.
 *
 * @returns undefined where it is none
 */
export function* unpackRtf(packed: Buffer, size: number): Generator<void, Buffer | undefined> {
  const found = size === 0 ? undefined : yield* unpacked(packed, size);
  return found?.toString('latin1', 0, START.length) === START ? found : undefined;
}

function* unpacked(packed: Buffer, size: number): Generator<void, Buffer | undefined> {
  const kind = packed.readUInt32LE(8);
  if (kind === UNCOMPRESSED) return packed.subarray(16, 16 + size);
  if (kind !== COMPRESSED) return undefined;
  const dictionary = Buffer.alloc(4096);
  let place = dictionary.write(DICTIONARY, 'latin1');
  const out = Buffer.allocUnsafe(size);
  let written = 0;
  let pause = STRETCH;
  const put = (octet: number): void => {
    dictionary[place] = octet;
    place = (place + 1) & 4095;
    if (written < size) out[written++] = octet;
  };
  for (let at = 16; at < packed.length && written < size; ) {
    if (written >= pause) {
      pause = written + STRETCH;
      yield;
    }
    const control = packed[at++] as number;
    for (let bit = 0; bit < 8 && at < packed.length && written < size; bit++) {
      if ((control & (1 << bit)) === 0) {
        put(packed[at++] as number);
        continue;
      }
      if (at + 2 > packed.length) return out.subarray(0, written);
      const reference = packed.readUInt16BE(at);
      at += 2;
      const offset = reference >> 4;
      if (offset === place) return out.subarray(0, written);
      for (let step = 0; step < (reference & 15) + 2; step++)
        put(dictionary[(offset + step) & 4095] as number);
    }
  }
  return out.subarray(0, written);
}
