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
  /(wrote|writes|schrieb|geschrieben|a écrit|escribió|ha scritto|escreveu|schreef|geschreven|pisze|napisał|napsala?|napísala?|skrev|kirjoitti|írta|a scris|yazdı|пишет|написала?|написав|пише|έγραψε|写道|寫道|のメール|のメッセージ|書きました|작성|쓴 글|^zitat von|^quoting)/i;
/** A date or a time of day. */
const WHEN = /\d{1,2}[:.h]\d{2}|\d{4}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2}/;
const ADDRESS = /[^\s<>()@]@[^\s<>()@]/;
/** Zoho writes dashes. */
const COLON = /(?:[:：]\*?|-{3,})$/;

/** Words between dashes. */
const DASHED = /^[-\u2010-\u2015]{2,24}\s?([^\s-].{0,60}?)\s?[-\u2010-\u2015]{2,24}$/;
/** Those above what is quoted, in the languages Outlook and others know; others are above a block of headers only. */
const SEPARATOR =
  /^(original message|original appointment|ursprüngliche nachricht|originalnachricht|message d['’]origine|message original|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht|wiadomość oryginalna|ursprungligt meddelande|oprindelig meddelelse|původní zpráva|özgün ileti|исходное сообщение|元のメッセージ|原始邮件|原始郵件|원본 메시지|forwarded message)$/i;
const RULE = /^[_\u2501-]{20,}$/;
/** What Apple Mail writes above a block of headers. */
const FORWARDED =
  /^.{0,30}(forwarded|weitergeleitet|transféré|réexpédié|reenviado|inoltrato|encaminhada|doorgestuurd|przekazan|переадресован|пересылаем|転送|전달|转发|轉寄).{0,30}[:：]$/i;

/** The names of the fields in the block of headers Outlook puts above what it quotes. */
const FIELDS = new Map<string, 'from' | 'sent' | 'date' | 'to' | 'subject' | 'other'>();
for (const [field, names] of [
  [
    'from',
    'from|von|de|da|van|od|från|fra|lähettäjä|feladó|de la|από|kimden|от|від|差出人|发件人|寄件者|보낸 사람|보낸사람',
  ],
  [
    'sent',
    'sent|gesendet|envoyé|enviado|enviado el|enviada em|inviato|verzonden|wysłano|skickat|sendt|odesláno|odoslané|lähetetty|elküldve|küldve|trimis|στάλθηκε|gönderildi|gönderilme zamanı|отправлено|надіслано|送信日時|发送时间|寄件日期|보낸 날짜|보낸날짜',
  ],
  ['date', 'date|datum|dátum|fecha|data|dată|tarih|dato|päivämäärä|ημερομηνία|дата|日付|日期|날짜'],
  [
    'to',
    'to|an|à|para|a|aan|do|till|til|komu|vastaanottaja|címzett|către|προς|kime|кому|宛先|收件人|收件者|받는 사람|받는사람',
  ],
  [
    'subject',
    'subject|betreff|objet|asunto|oggetto|assunto|onderwerp|temat|ämne|emne|aihe|tárgy|subiect|θέμα|předmět|predmet|konu|тема|件名|主题|主旨|제목',
  ],
  ['other', 'cc|kopie|kopia|copie|importance|wichtigkeit|attachments|anlagen|抄送|副本|참조'],
] as const)
  for (const name of names.split('|')) FIELDS.set(name, field);

/** What telephones and apps put under a text. */
const MOBILE = [
  /^(sent|gesendet|envoyé|enviado|inviato|verzonden|verstuurd|wysłane|skickat|sendt|odesláno|отправлено) (from|with|via|mit|von|aus|depuis|de|à partir d[eu]|desde|do|da|dal|vanaf|vanuit|z|från|fra|с|из)\s.{2,60}$/i,
  /^(get|holen sie sich|télécharge[rz]|obtenir|obtener|obter o|baixar o|scarica|download|скачать|получить) outlook (for|für|pour|para|per|voor|для) (ios|android)\s?([<[].*)?$/i,
  /^(outlook (für|for) (ios|android) (herunterladen|を入手)|(ios|android) ?(版|용) outlook ?(を入手|받기|다운로드)|(获取|下载|取得|下載).{0,6}(ios|android) ?(版|的) ?outlook)\s?([<[].*)?$/i,
  /^(von meinem|diese nachricht wurde von meinem) .{2,40}( gesendet|android-gerät.{0,40}gesendet)\.?$/i,
  /^(発信元.{2,30}|.{2,20}から送信|发自我的.{2,20}|发送自.{2,30}|从.{2,20}发送|來自我的.{2,20}|從我的.{2,20}傳送|.{2,20}에서 보냄)$/i,
  /^(lähetetty .{2,20}st[aä]|.{2,20}d[ae]n gönderildi)$/i,
];
const MOBILE_DEVICES =
  /iphon|ipad|android|samsung|galaxy|outlook|yahoo|mobil|smartphone|blackberry|huawei|xiaomi|proton|k-9|windows|mail|phone|почт|メール|메일|邮件|郵件|手机|手機/i;

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
      const next = trimmed(lines, nextText(lines, at + introduction.length));
      if (next.startsWith('>') || (introduction.isCertain && next === '')) {
        hasGap = true;
        at += introduction.length - 1;
        continue;
      }
      // Without marks, all below is quoted, unless there is nothing above: then it may be the answer.
      isCut = introduction.isCertain && hasText(kept);
    }
    isCut ||= isSignature(lines, at);
    if (isCut) break;
    if (isQuotedBelow(lines, at)) {
      isCut = hasText(kept);
      // Forwarded without a word.
      if (!isCut) kept.push(...lines.slice(at));
      break;
    }
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

/** The next line that is not empty, if it is near. */
function nextText(lines: string[], from: number): number {
  let at = from;
  while (at < from + 3 && trimmed(lines, at) === '') at++;
  return at;
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
  const words = DASHED.exec(line)?.[1];
  if (words !== undefined && SEPARATOR.test(words)) return true;
  if (words !== undefined || FORWARDED.test(line)) return isHeaderBlock(lines, nextText(lines, at + 1));
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
  return name === undefined ? undefined : FIELDS.get(name);
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
