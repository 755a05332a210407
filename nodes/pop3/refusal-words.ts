/**
 * What servers say in other languages than English, where a refusal has no response code (RFC 2449 section 8). The words
 * are those of providers in Germany, France, Spain, Brazil, Italy, Russia, China, Japan and Korea. `\b` knows no letters
 * beyond ASCII, so none of these patterns relies on it.
 */

/** A limit that was reached. */
export const LIMIT_ELSEWHERE =
  /zu (viele|oft|häufig|kurz)|überschritten|kontingent|trop de |trop souvent|dépassé|demasiad[ao]s|exced(e|id|eu)|muit[ao]s (tentativas|conex)|troppi |troppe |superat[oa]|слишком (много|част)|превышен|лимит|过于频繁|過於頻繁|频率|頻率|次数过多|次數過多|超过限制|超出限制|超過限制|流量.{0,8}用完|回数が多|多すぎ|上限|너무 (많|자주)|초과/iu;

/** Trouble that passes by itself. */
export const LATER_ELSEWHERE =
  /später (noch ?mal|noch einmal|erneut|wieder)|vorübergehend|derzeit nicht|plus tard|temporairement|más tarde|temporalmente|mais tarde|temporariamente|più tardi|temporaneamente|позже|временно|稍后|稍後|繁忙|暂时|暫時|しばらく|一時的|後ほど|나중에|일시적/iu;

/** Of a password: "later" is what servers add to it. */
export const PASSWORD_ELSEWHERE =
  /passwort|kennwort|mot de passe|contraseña|senha|парол|密码|密碼|パスワード|비밀번호|암호/iu;

/** Another session holds the mailbox. */
export const IN_USE_ELSEWHERE =
  /(postfach|mailbox)[^.]{0,40}(bereits|schon|gerade|andere)|déjà (utilisé|ouvert|verrouillé)|(ya|já) est[aá] (en|em) uso|già in uso|уже (используется|открыт)|заблокирован другим|正在使用|使用中|사용 중/iu;

/** POP is switched off, or was never switched on. */
export const POP_OFF_ELSEWHERE =
  /pop3?[^.]{0,40}(nicht (aktiviert|freigeschaltet|erlaubt)|deaktiviert|gesperrt|désactivé|non activé|desactivad|desativad|deshabilitad|não está ativ|disattivat|non attiv|отключен|выключен|не включен|запрещен|未开启|未開啟|未开通|关闭|關閉|禁用|無効|사용 안|비활성)|(aktivieren sie|activez|active (el|la)|habilite|ative [oa]|attivare|включите|разрешите|开启|開啟|开通|有効に)[^.]{0,40}pop|没有权限[^.]{0,20}pop|沒有權限[^.]{0,20}pop/iu;

/** A password that the provider makes for one program. */
export const APP_PASSWORD_ELSEWHERE =
  /anwendungsspezifische|app-?(passwort|kennwort)|mot de passe (d.application|spécifique)|contraseña (de|para) (la )?(aplicaci|app)|senha (de|para) (o )?app|senha de aplicativo|password (per le|per l.|specifica per) ?app|парол[а-я]* (для )?(внешн[а-я]+ )?приложени|授权码|授權碼|专用密码|專用密碼|アプリ ?(用)?パスワード|앱 ?(전용 )?비밀번호/iu;
