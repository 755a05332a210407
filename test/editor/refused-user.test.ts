import assert from 'node:assert/strict';
import { getHealth, RequestError } from '../../nodes/editor/api';
import { formatDays, sentenceOf } from '../../nodes/editor/i18n';

/** What the editor gives: a request that fails as told, and a catalog that says its keys. */
function editor(failed: { status: number; responseJSON?: object }): void {
  Object.assign(globalThis, {
    $: { ajax: () => Promise.reject(failed) },
    RED: { _: (key: string) => `said: ${key.split(':')[1]}.` },
  });
}

describe('a user of the editor who may only read', () => {
  afterEach(() => {
    for (const name of ['$', 'RED']) Reflect.deleteProperty(globalThis, name);
  });

  for (const [what, failed, expected] of [
    ['Node-RED refuses with a text of its own', { status: 401 }, 'said: access.refused.'],
    ['the guard refuses', { status: 403, responseJSON: { error: 'forbidden' } }, 'said: access.refused.'],
    ['another refusal keeps its sentence', { status: 400, responseJSON: { message: 'No.' } }, 'No.'],
    ['no answer at all', { status: 0 }, undefined],
  ] as const) {
    it(`${what}: ${expected ?? 'no sentence of the runtime'}`, async () => {
      editor(failed);
      const error = await getHealth().catch((thrown: unknown) => thrown);
      assert.ok(error instanceof RequestError);
      assert.equal(error.status, failed.status);
      assert.equal(error.view && sentenceOf(error.view), expected);
    });
  }
});

describe('a number of days', () => {
  afterEach(() => Reflect.deleteProperty(globalThis, 'RED'));

  for (const [lang, one, thirty] of [
    ['en-US', '1 day', '30 days'],
    ['de', '1 Tag', '30 Tage'],
    ['ru', '1 день', '30 дней'],
  ] as const) {
    it(`${lang}: ${one}, ${thirty}`, () => {
      Object.assign(globalThis, { RED: { i18n: { lang: () => lang } } });
      assert.deepEqual([formatDays(1), formatDays(30)], [one, thirty]);
    });
  }
});
