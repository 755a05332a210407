// The new text of an answer, without what it quotes: everything up to the line with which a mail program introduces the
// mail that is answered, quoted lines left out, the signature too.

/** Lines looked at: below them no reply follows the quote. */
const MAX_LINES = 5000;
const MAX_LINE = 500;

/** How mail programs introduce what they quote, in one line or over two: "On …, … wrote:". */
const INTRODUCTIONS = [
  /^on\b.{5,300}\bwrote:?$/i,
  /^am\b.{5,300}\bschrieb\b.{0,200}:?$/i,
  /^le\b.{5,300}(a écrit)\s?:?$/i,
  /^el\b.{5,300}escribió:?$/i,
  /^il\b.{5,300}ha scritto:?$/i,
  /^em\b.{5,300}escreveu:?$/i,
  /^op\b.{5,300}(schreef)\b.{0,200}:?$/i,
  /^w dniu\b.{5,300}(pisze|napisał\(?a?\)?):?$/i,
  /^.{5,200}(пишет|написал\(?а?\)?):?$/i,
  /^.{5,200}(のメッセージ|wrote|写道|작성)\s?[::]?$/,
];
/** Lines that separate what is quoted, in the languages Outlook and others know. */
const SEPARATOR =
  /^(_{20,}|-{2,}\s?(original message|ursprüngliche nachricht|message d'origine|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht|исходное сообщение|元のメッセージ|原始邮件|원본 메시지)\s?-{2,}|-{5,} forwarded message -{5,})$/i;
/** The block of headers Outlook puts above what it quotes. */
const SENDER = /^\*?(from|von|de|da|van|от|差出人|发件人|보낸 사람)\s?:\*? ?\S/i;
const SENT =
  /^\*?(sent|gesendet|envoyé|enviado|inviato|verzonden|date|datum|fecha|data|отправлено|送信日時|发送时间|보낸 날짜)\s?:/i;

/**
 * The text that the sender added.
 *
 * @param text of a long one, the first MAX_CONVERTED characters
 */
export function replyOf(text: string): string {
  const lines = text.split('\n', MAX_LINES);
  const kept: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = (lines[at] as string).slice(0, MAX_LINE).trim();
    const next = (lines[at + 1] ?? '').slice(0, MAX_LINE).trim();
    if (line === '--' || SEPARATOR.test(line) || isIntroduction(line, next)) break;
    if (SENDER.test(line) && SENT.test(next)) break;
    if (!line.startsWith('>')) kept.push(lines[at] as string);
  }
  return kept.join('\n').trim();
}

const isIntroduction = (line: string, next: string): boolean =>
  INTRODUCTIONS.some(
    (one) => one.test(line) || (/[:：]$/.test(next) && line.length < 200 && one.test(`${line} ${next}`)),
  );
