import assert from 'node:assert/strict';
import { SparseMap, SparseSet } from '../../nodes/base/sparse';

/** A small generator, so that a failure can be repeated. */
function numbers(): (below: number) => number {
  let state = 7;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

describe('a sparse map', () => {
  it('is like a map, empty or not', () => {
    const [sparse, map, next] = [new SparseMap<number, number>(), new Map<number, number>(), numbers()];
    const same = (): void => {
      assert.equal(sparse.size, map.size);
      assert.deepEqual([...sparse], [...map]);
      assert.deepEqual([...sparse.keys()], [...map.keys()]);
      assert.deepEqual([...sparse.values()], [...map.values()]);
    };
    same();
    for (let step = 0; step < 2_000; step += 1) {
      const [key, what] = [next(4), next(20)];
      if (what < 8) {
        sparse.set(key, step);
        map.set(key, step);
      } else if (what < 19) assert.equal(sparse.delete(key), map.delete(key));
      else {
        sparse.clear();
        map.clear();
      }
      assert.equal(sparse.has(key), map.has(key));
      assert.equal(sparse.get(key), map.get(key));
      same();
    }
  });

  it('may lose what an iteration is at', () => {
    const sparse = new SparseMap<number, string>();
    for (const key of [1, 2, 3]) sparse.set(key, 'a');
    for (const [key] of sparse) sparse.delete(key);
    assert.equal(sparse.size, 0);
  });
});

describe('a sparse set', () => {
  it('is like a set, empty or not', () => {
    const [sparse, set, next] = [new SparseSet<number>(), new Set<number>(), numbers()];
    for (let step = 0; step < 2_000; step += 1) {
      const [value, what] = [next(4), next(20)];
      if (what < 8) {
        sparse.add(value);
        set.add(value);
      } else if (what < 19) assert.equal(sparse.delete(value), set.delete(value));
      else {
        sparse.clear();
        set.clear();
      }
      assert.equal(sparse.has(value), set.has(value));
      assert.equal(sparse.size, set.size);
      assert.deepEqual([...sparse], [...set]);
    }
  });
});
