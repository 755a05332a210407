import assert from 'node:assert/strict';
import { needs } from '../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../servers/postgres';

describe('servers/postgres', function () {
  this.timeout(60_000);
  let postgres: Postgres;
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());

  it('keeps what was committed through a power failure, and is another database each time', async () => {
    const [one, other] = [await postgres.database(), await postgres.database()];
    await postgres.query(one, 'create table kept (word text)');
    await postgres.query(one, "insert into kept values ('still here')");
    await postgres.kill();
    await assert.rejects(postgres.query(one, 'select 1'), /ECONNREFUSED/);
    await postgres.start();
    assert.deepEqual(await postgres.query(one, 'select word from kept'), [{ word: 'still here' }]);
    await assert.rejects(postgres.query(other, 'select word from kept'), /does not exist/);
  });

  it('answers nothing while it is frozen', async () => {
    const thaw = postgres.freeze();
    let answered = false;
    const asked = postgres.query(postgres.url, 'select 1').then(() => {
      answered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(answered, false);
    thaw();
    await asked;
  });
});
