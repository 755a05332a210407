import assert from 'node:assert/strict';
import { refusal } from '../../nodes/pop3/refusal';
import { parseResponse } from '../../nodes/pop3/response';

/** What servers say where they send no response code, and what it means at the login. */
const SAID: Record<string, string[]> = {
  LOGIN_DELAY: [
    'Too many login attempts, please wait 10 minutes',
    'maximum number of connections from user+IP exceeded',
    'TOO MANY CONNECTIONS',
    '[LOGIN-DELAY] minimum time between mail checks violation',
    'Sie haben das Login-Limit überschritten',
    'Zu viele Anmeldeversuche',
    'Abrufintervall zu kurz, nur alle 15 Minuten erlaubt',
    'trop de connexions',
    'demasiadas conexiones',
    'muitas tentativas de login',
    'слишком много попыток входа',
    '登录过于频繁',
    'login frequency limited',
    'ログイン回数が多すぎます',
    'Request rate exceeded',
    'you may only check your mail once per 5 minutes',
    'Login rejected: POP access more frequent than allowed',
  ],
  SYS_TEMP: [
    'please try again in a few minutes',
    '[SYS/TEMP] Temporary authentication failure',
    'Temporarily unable to authenticate',
    'Dienst vorübergehend nicht verfügbar',
    'Service temporairement indisponible, réessayez plus tard',
    'inténtelo más tarde',
    'временно недоступен, попробуйте позже',
    '系统繁忙,请稍后再试',
  ],
  IN_USE: [
    '[IN-USE] Unable to lock maildrop: Mailbox is locked by POP server',
    'mailbox in use',
    'Maildrop already locked',
    'your mailbox is being used by another session',
    'MAILBOX LOCKED',
    'mail drop lock busy',
    'Postfach wird bereits verwendet',
    'Postfach ist gesperrt durch eine andere Sitzung',
    'boîte aux lettres déjà utilisée',
  ],
  SYS_PERM: [
    'POP3 access is disabled for your account',
    '[SYS/PERM] Your account is not enabled for POP access',
    'pop access disabled',
    'POP ist nicht aktiviert',
    'Bitte aktivieren Sie POP3 in den Einstellungen',
    'accès POP désactivé',
    'el acceso POP está desactivado',
    'доступ по POP3 отключен',
    '您没有权限使用pop3功能',
    '请开启POP3服务',
  ],
  'AUTH app-password-needed': [
    'Application-specific password required',
    '[AUTH] Please use an app password',
    'NEOBHODIM parol prilozheniya https://help.mail.ru',
    'Please using authorized code to log in',
    'Login fail. Please use the authorization code',
    '请使用授权码登录',
    'Bitte verwenden Sie ein anwendungsspezifisches Passwort',
    'Application password is REQUIRED',
    'inserire la password per le app',
    'senha de app necessária',
    'アプリパスワードが必要です',
    '앱 비밀번호를 사용하세요',
    'use a password generated for mail programs (external applications)',
  ],
  'AUTH wrong-password': [
    'Authentication failed.',
    'invalid user name or password, try again',
    'Passwort falsch',
    'mot de passe incorrect',
    'неверный пароль',
  ],
  'AUTH account-locked': ['Your account has been locked'],
};

describe('the words of a refused login', () => {
  for (const [meaning, texts] of Object.entries(SAID)) {
    it(`mean ${meaning}, in any language and in capitals`, () => {
      for (const text of texts) {
        for (const said of [text, text.toUpperCase()]) {
          const response = parseResponse(`-ERR ${said}`) ?? assert.fail(said);
          const login = { token: false, encrypted: true, offersTls: false };
          const { code, reason, response: shown } = refusal(response, 'login', 'PASS', { login });
          assert.equal(meaning.includes(' ') ? `${code} ${reason}` : code, meaning, said);
          assert.ok(shown?.includes(said), 'in its own words');
        }
      }
    });
  }

  it('blame the password, though they say "later" or "again"', () => {
    const login = { token: false, encrypted: true, offersTls: false };
    for (const text of [
      'Passwort falsch, bitte später noch einmal',
      'неверный пароль, попробуйте позже',
      'bad password, try again',
    ]) {
      const { code } = refusal(parseResponse(`-ERR ${text}`) ?? assert.fail(), 'login', 'PASS', { login });
      assert.equal(code, 'AUTH', text);
    }
  });

  it('are read in time that grows with their length only', () => {
    for (const piece of ['pop3 ', 'postfach ', 'active la ', 'парол для ', 'mailbox ', '流量', 'login '])
      for (const stage of ['login', 'transaction'] as const) {
        const began = performance.now();
        refusal({ status: 'err', text: piece.repeat(50_000), code: '', line: '' }, stage, 'PASS');
        assert.ok(performance.now() - began < 500, piece);
      }
  });
});
