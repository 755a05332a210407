import assert from 'node:assert/strict';
import { connectionWith, placeOf } from '../../../nodes/runtime/fleet/driver';

const OURS = '-c search_path=redletter';

describe('runtime/fleet: the options of a session', () => {
  it('are ours beside those of the address, which would count alone there', () => {
    const address = 'postgres://me:p%40ss@db.example.com:6432/mail';
    const plain = { connectionString: address, options: OURS };
    const named = { connectionString: `${address}?sslmode=require`, options: `endpoint=mail-1 ${OURS}` };
    assert.deepEqual(connectionWith(address, OURS), plain);
    assert.deepEqual(connectionWith(`${address}?sslmode=require&options=endpoint%3Dmail-1`, OURS), named);
    const withSettings = { connectionString: `${address}?options=-c%20statement_timeout%3D9`, ssl: true };
    assert.deepEqual(connectionWith(withSettings, OURS), {
      connectionString: address,
      ssl: true,
      options: `-c statement_timeout=9 ${OURS}`,
    });
  });

  it('are ours beside those of the settings', () => {
    const settings = { host: 'db.example.com', database: 'mail' };
    assert.deepEqual(connectionWith(settings, OURS), { ...settings, options: OURS });
    const options = '-c work_mem=8MB';
    assert.deepEqual(connectionWith({ ...settings, options }, OURS), {
      ...settings,
      options: `${options} ${OURS}`,
    });
  });

  it('change nothing of an address that is no URL', () => {
    const address = '/var/run/postgresql mail';
    assert.deepEqual(connectionWith(address, OURS), { connectionString: address, options: OURS });
  });
});

describe('runtime/fleet: what a log says of a database', () => {
  it('is its host, port and name, however its address is given, and never who signs in', () => {
    const places = [
      'postgres://me:canary@db.example.com:6432/mail?sslmode=require',
      'postgres://me:canary@db.example.com/mail',
      { host: 'db.example.com', port: 6432, database: 'mail', user: 'me', password: 'canary' },
      { user: 'me', password: 'canary' },
      'host=db.example.com user=me password=canary',
    ].map(placeOf);
    assert.deepEqual(places, [
      'db.example.com:6432/mail',
      'db.example.com:5432/mail',
      'db.example.com:6432/mail',
      'localhost:5432/',
      'PostgreSQL',
    ]);
  });
});
