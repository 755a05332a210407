// The dates of mails (RFC 5322 sections 3.3 and 4.3), and those mailers write instead.

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Hours east of UTC. Military letters mean nothing (RFC 5322 section 4.3): many mailers had their signs wrong. */
const ZONES: Record<string, number> = {
  UT: 0,
  UTC: 0,
  GMT: 0,
  WET: 0,
  WEST: 1,
  BST: 1,
  IST: 5.5,
  CET: 1,
  MET: 1,
  MEZ: 1,
  CEST: 2,
  MEST: 2,
  MESZ: 2,
  EET: 2,
  EEST: 3,
  MSK: 3,
  MSD: 4,
  SAST: 2,
  PKT: 5,
  WIB: 7,
  ICT: 7,
  HKT: 8,
  SGT: 8,
  AWST: 8,
  JST: 9,
  KST: 9,
  ACST: 9.5,
  ACDT: 10.5,
  AEST: 10,
  AEDT: 11,
  NZST: 12,
  NZDT: 13,
  NST: -3.5,
  NDT: -2.5,
  AST: -4,
  ADT: -3,
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
  AKST: -9,
  AKDT: -8,
  HST: -10,
  BRT: -3,
  ART: -3,
};

const LONGEST = 200;

/** The time a Date or Received field tells; without a zone it is UTC on every machine. */
export function parseDate(written: string): Date | undefined {
  const text = written
    .slice(0, LONGEST)
    .replace(/\([^()]*\)/g, ' ')
    .replace(/["\s]+/g, ' ')
    .replace(/ ?: ?/g, ':')
    .trim();
  const rfc =
    /^(?:[a-z]+\.?,? ?)?(\d{1,2})[ -]([a-z]{3})[a-z]*\.?[ ,-]+(\d{2,4})(?:,? (\d{1,2})[:.](\d{2})(?:[:.](\d{1,2})(?:[.,]\d+)?)? ?(am\b|pm\b)? ?(.*))?$/i.exec(
      text,
    );
  if (rfc) {
    const [, day, month, year, hour, minute, second, half, zone] = rfc as unknown as string[];
    return utc(
      fullYear(year as string),
      month as string,
      day as string,
      [hour ?? '0', minute ?? '0', second, half],
      zone ?? '',
    );
  }
  // As C's asctime() writes it.
  const c =
    /^(?:[a-z]{3},? )?([a-z]{3})[a-z]* (\d{1,2}),? (?:(\d{4}),? )?(\d{1,2}):(\d{2})(?::(\d{2}))? ?(am\b|pm\b)? ?(?:([a-z]{1,5}|[+-]\d{4}) )?(\d{4})?(?: ([a-z+-][\w:+-]*))?$/i.exec(
      text,
    );
  if (c && (c[3] ?? c[9])) {
    const [, month, day, early, hour, minute, second, half, zone, late, zoneBehind] =
      c as unknown as string[];
    return utc(
      Number(early ?? late),
      month as string,
      day as string,
      [hour, minute, second, half],
      zone ?? zoneBehind ?? '',
    );
  }
  const iso = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)? ?(.*)$/i.exec(text);
  if (iso) {
    const [, year, month, day, hour = '0', minute = '0', second, zone] = iso as unknown as string[];
    return utc(
      Number(year),
      MONTHS[Number(month) - 1] ?? '',
      day as string,
      [hour, minute, second],
      zone as string,
    );
  }
  return undefined;
}

/** Two digits: of this century up to 49; three: counted from 1900 (RFC 5322 section 4.3). */
function fullYear(written: string): number {
  const year = Number(written);
  if (written.length === 2) return year < 50 ? 2000 + year : 1900 + year;
  return written.length === 3 ? 1900 + year : year;
}

function utc(
  year: number,
  monthName: string,
  dayText: string,
  [hourText, minuteText, secondText = '0', half]: (string | undefined)[],
  zone: string,
): Date | undefined {
  const month = MONTHS.indexOf(monthName.toLowerCase());
  const day = Number(dayText);
  let hour = Number(hourText);
  const minute = Number(minuteText);
  const second = Number(secondText);
  if (half) hour = (hour % 12) + (/pm/i.test(half) ? 12 : 0);
  const offset = zoneMinutes(zone.trim());
  // A leap second (23:59:60) is the second behind it.
  if (month < 0 || day < 1 || day > 31 || hour > 24 || minute > 59 || second > 60 || offset === undefined)
    return undefined;
  // The 31st of a month that has fewer days is no date.
  if (new Date(Date.UTC(year, month, day)).getUTCMonth() !== month) return undefined;
  const date = new Date(Date.UTC(year, month, day, hour, minute - offset, second));
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Minutes east of UTC; undefined where what stands there is no zone at all. */
function zoneMinutes(zone: string): number | undefined {
  if (zone === '') return 0;
  const number = /^(?:utc?|gmt)? ?([+-])(\d{1,2}):?(\d{2})?(?![\d:])/i.exec(zone);
  if (number) {
    const digits = number[2] as string;
    const minutes = Number(digits) * 60 + Number(number[3] ?? 0);
    return number[1] === '-' ? -minutes : minutes;
  }
  const name = /^[a-z]+/i.exec(zone)?.[0].toUpperCase();
  if (name === undefined) return undefined;
  return Math.round((Object.hasOwn(ZONES, name) ? (ZONES[name] as number) : 0) * 60);
}
