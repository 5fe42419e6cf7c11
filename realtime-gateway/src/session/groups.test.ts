import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Groups } from './groups.ts';

test('groups hold what was added to them and not removed, in that order', () => {
  const step = fc.record({
    adds: fc.boolean(),
    key: fc.constantFrom('a', 'b'),
    value: fc.constantFrom('x', 'y', 'z'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const groups = new Groups<string>();
      let expected: { key: string; value: string }[] = [];
      for (const { adds, key, value } of steps) {
        const isHeld = expected.some((held) => held.key === key && held.value === value);
        if (adds && isHeld) continue;
        if (adds) groups.add(key, value);
        else groups.remove(key, value);
        if (adds) expected.push({ key, value });
        else expected = expected.filter((held) => held.key !== key || held.value !== value);
      }
      for (const key of ['a', 'b']) {
        expect(groups.of(key)).toEqual(expected.filter((held) => held.key === key).map(({ value }) => value));
      }
      expect([...groups.keys()].sort()).toEqual([...new Set(expected.map(({ key }) => key))].sort());
    }),
  );
});
