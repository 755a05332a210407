import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import type { NodeAPI } from 'node-red';
import { baseFolder } from '../../nodes/node-red/folders';

describe('a relative folder', () => {
  const base = (settings: object): string => baseFolder({ settings } as unknown as NodeAPI);

  it('counts from fileWorkingDirectory, else from the user directory', () => {
    assert.equal(base({ fileWorkingDirectory: '/work/files', userDir: '/data' }), resolve('/work/files'));
    assert.equal(base({ fileWorkingDirectory: '', userDir: '/data' }), resolve('/data'));
    assert.equal(base({ userDir: '/data' }), resolve('/data'));
    assert.equal(base({}), resolve('.'));
  });
});
