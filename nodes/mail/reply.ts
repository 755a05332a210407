// The new text of an answer, without what it quotes: quoted lines and the line that introduces them are left out,
// wherever the answer stands, and so is all that is below a header block of Outlook. Where it is not certain that
// something is a quotation, it stays.

/** Lines looked at; what is below them is kept as it is. */
const MAX_LINES = 5000;
const MAX_LINE = 500;
/** Lines over which a mail program writes one introduction, and the fields of a header block. */
const MAX_INTRODUCTION = 3;
const MAX_BLOCK = 10;

/** "… wrote:" in the languages of mail programs. */
const VERB =
  /(wrote|writes|schrieb|geschrieben|a écrit|escribió|ha scritto|escreveu|schreef|geschreven|pisze|napisał|napsala?|napísala?|skrev|kirjoitti|írta|a scris|yazdı|пишет|написала?|написав|пише|έγραψε|写道|寫道|のメール|のメッセージ|작성|wrote on)/i;
/** A date or a time of day. */
const WHEN = /\d{1,2}[:.h]\d{2}|\d{4}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2}/;
const ADDRESS = /[^\s<>()@]@[^\s<>()@]/;
const COLON = /[:：]$/;

/** Lines above what is quoted, in the languages Outlook and others know. */
const SEPARATOR =
  /^-{2,}\s?(original message|original appointment|ursprüngliche nachricht|originalnachricht|message d'origine|message original|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht|wiadomość oryginalna|ursprungligt meddelande|oprindelig meddelelse|původní zpráva|özgün ileti|исходное сообщение|元のメッセージ|原始邮件|原始郵件|원본 메시지|forwarded message)\s?-{2,}$/i;
const RULE = /^[_\u2501-]{20,}$/;

/** The names of the fields in the block of headers Outlook puts above what it quotes. */
const FIELDS: [field: 'from' | 'sent' | 'date' | 'to' | 'subject' | 'other', names: RegExp][] = [
  ['from', /^(from|von|de|da|van|od|från|fra|kimden|от|від|差出人|发件人|寄件者|보낸 사람)$/],
  [
    'sent',
    /^(sent|gesendet|envoyé|enviado( el)?|enviada em|inviato|verzonden|wysłano|skickat|sendt|odesláno|gönderildi|gönderilme zamanı|отправлено|надіслано|送信日時|发送时间|寄件日期|보낸 날짜)$/,
  ],
  ['date', /^(date|datum|fecha|data|tarih|dato|дата|日付|日期|날짜)$/],
  ['to', /^(to|an|à|para|a|aan|do|till|til|komu|kime|кому|宛先|收件人|收件者|받는 사람)$/],
  [
    'subject',
    /^(subject|betreff|objet|asunto|oggetto|assunto|onderwerp|temat|ämne|emne|předmět|konu|тема|件名|主题|主旨|제목)$/,
  ],
  ['other', /^(cc|kopie|kopia|copie|importance|wichtigkeit|attachments|anlagen|抄送|副本|참조)$/],
];

/** What telephones and apps put under a text. */
const MOBILE = [
  /^(sent|get|gesendet|envoyé|enviado|inviato|verzonden|wysłane|skickat|sendt|отправлено) (from|with|via|mit|von|aus|depuis|de|desde|do|da|dal|vanaf|vanuit|z|från|fra|с|из)\b.{2,60}$/i,
  /^(get|holen sie sich|téléchargez|obtener|obtenir|scarica|download) outlook (for|für|pour|para|per|voor) (ios|android)\b.{0,60}$/i,
  /^(von meinem|diese nachricht wurde von meinem) .{2,40}( gesendet|android-gerät.{0,40}gesendet)\.?$/i,
  /^(発信元|iphoneから送信|ipadから送信|发自我的|從我的 ?.{2,20}傳送|나의 .{2,20}에서 보냄).{0,30}$/i,
  /^отправлено с .{2,30}$/i,
];
const MOBILE_DEVICES =
  /iphone|ipad|android|samsung|galaxy|outlook|yahoo|mobil|smartphone|blackberry|huawei|xiaomi|proton|k-9|windows|mail|phone/i;

/**
 * The text that the sender added.
 *
 * @param text of a long one, the first MAX_CONVERTED characters
 */
export function replyOf(text: string): string {
  const lines = text.split('\n', MAX_LINES);
  const kept: string[] = [];
  let isCut = false;
  let hasGap = false;
  for (let at = 0; at < lines.length && !isCut; at++) {
    const line = trimmed(lines, at);
    const introduction = introductionAt(lines, at);
    if (introduction) {
      const next = nextText(lines, at + introduction.length);
      if (next.startsWith('>') || (introduction.isCertain && next === '')) {
        hasGap = true;
        at += introduction.length - 1;
        continue;
      }
      // Without marks, all below is quoted, unless there is nothing above: then it may be the answer.
      isCut = introduction.isCertain && hasText(kept);
    }
    isCut ||= isSignature(lines, at) || (isQuotedBelow(lines, at) && hasText(kept));
    if (isCut) break;
    if (line.startsWith('>')) hasGap = true;
    else if (line !== '' || !hasGap || kept.at(-1)?.trim() !== '') {
      kept.push(lines[at] as string);
      if (line !== '') hasGap = false;
    }
  }
  const rest = !isCut && lines.length === MAX_LINES ? behind(text, lines) : '';
  return (withoutMobileSignature(kept).join('\n') + rest).trim();
}

const trimmed = (lines: string[], at: number): string => (lines[at] ?? '').slice(0, MAX_LINE).trim();

const hasText = (lines: string[]): boolean => lines.some((line) => line.trim() !== '');

/** What comes behind the lines that are looked at. */
const behind = (text: string, lines: string[]): string =>
  text.slice(lines.reduce((all, line) => all + line.length + 1, -1));

/** The next line that is not empty. */
function nextText(lines: string[], from: number): string {
  for (let at = from; at < lines.length && at < from + 4; at++) {
    const line = trimmed(lines, at);
    if (line !== '') return line;
  }
  return '';
}

/** The line or lines with which a mail program introduces what it quotes: "On …, … wrote:". */
function introductionAt(lines: string[], from: number): { length: number; isCertain: boolean } | undefined {
  let text = '';
  for (let length = 1; length <= MAX_INTRODUCTION; length++) {
    const line = trimmed(lines, from + length - 1);
    if (line === '' || line.startsWith('>')) return undefined;
    text += (length > 1 ? ' ' : '') + line;
    if (COLON.test(line)) {
      const isCertain = WHEN.test(text) && (ADDRESS.test(text) || VERB.test(text)) && text.length < MAX_LINE;
      return isCertain || (length === 1 && VERB.test(text)) ? { length, isCertain } : undefined;
    }
    // The first line of several begins with the date, which no line of the answer's own text does before it.
    if (!WHEN.test(text) || /[.!?]$/.test(line) || text.length > MAX_LINE) return undefined;
  }
  return undefined;
}

/** Whether all below was there before: a separator, or a block of headers, follows. */
function isQuotedBelow(lines: string[], at: number): boolean {
  const line = trimmed(lines, at);
  if (SEPARATOR.test(line)) return true;
  if (!RULE.test(line)) return isHeaderBlock(lines, at);
  for (let next = at + 1; next < at + 4; next++) {
    if (fieldOf(trimmed(lines, next)) === 'from' || isHeaderBlock(lines, next)) return true;
  }
  return false;
}

/** From, Sent, To, Subject, in any order and language, one below the other. */
function isHeaderBlock(lines: string[], from: number): boolean {
  const found = new Set<string>();
  for (let at = from; at < from + MAX_BLOCK; at++) {
    const field = fieldOf(trimmed(lines, at));
    if (field === undefined && (at === from || trimmed(lines, at) === '')) break;
    if (field) found.add(field);
  }
  const hasDate = found.has('sent') || (found.has('date') && found.has('subject'));
  return found.has('from') && hasDate && (found.has('to') || found.has('subject'));
}

function fieldOf(line: string): string | undefined {
  const name = /^\*?([^:：*\d]{1,24}?)\s?\*?[:：]/.exec(line)?.[1]?.toLowerCase();
  return name === undefined ? undefined : FIELDS.find(([, names]) => names.test(name))?.[0];
}

/** RFC 3676 section 4.3; without its blank, which gets lost, only below an empty line. */
function isSignature(lines: string[], at: number): boolean {
  const line = (lines[at] as string).replace(/\r$/, '');
  return line === '-- ' || (line.trim() === '--' && at > 0 && trimmed(lines, at - 1) === '');
}

function withoutMobileSignature(kept: string[]): string[] {
  let last = kept.length - 1;
  while (last > 0 && kept[last]?.trim() === '') last--;
  const line = trimmed(kept, last);
  return MOBILE_DEVICES.test(line) && MOBILE.some((one) => one.test(line)) ? kept.slice(0, last) : kept;
}
