import { expect, it } from 'vitest';
import { renderTable } from './table.ts';

it('columns are as wide as their widest cell, numbers at the right', () => {
  const rows = [
    ['table', 'rows', 'verdict'],
    ['messages', '12,000', 'equal'],
    ['pins 📌', '3', ''],
  ];
  expect(renderTable(rows, { right: [1] }).split('\n')).toEqual([
    'table       rows  verdict',
    'messages  12,000  equal',
    'pins 📌         3',
  ]);
});

it('rows may be of different lengths, and no rows are no text', () => {
  expect(renderTable([['a'], ['bb', 'c']])).toBe('a\nbb  c');
  expect(renderTable([])).toBe('');
});
