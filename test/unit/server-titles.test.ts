import { describe, expect, it } from 'vitest';
import { nameFromPath, normalisedTitle } from '../../mirror-core/server/titles.ts';

describe('§5.1 spelling a title as MediaWiki does', () => {
  it.each([
    ['  a__b _c ', 'A_b_c'],
    ['e\u0301cole', 'École'],
    ['ßeta', 'ßeta'],
    ['ქართული', 'ქართული'],
    ['𐐨x', '𐐀x'],
    ['category:lakes', 'Category:lakes'],
    ['', ''],
    ['_', ''],
  ])('%j in the main namespace is %j', (name, expected) => {
    expect(normalisedTitle(name, { namespaceId: 0, keepsFirstLetter: false })).toBe(expected);
  });

  it.each([
    ['category: _lakes', 'Category:Lakes'],
    ['kategorie :physik', 'Kategorie:Physik'],
    ['plain', 'Plain'],
  ])('%j in another namespace is %j', (name, expected) => {
    expect(normalisedTitle(name, { namespaceId: 14, keepsFirstLetter: false })).toBe(expected);
  });

  it('leaves the first letter where the wiki tells small from capital', () => {
    expect(normalisedTitle('_lake ', { namespaceId: 0, keepsFirstLetter: true })).toBe('lake');
    expect(normalisedTitle('appendix:lakes', { namespaceId: 14, keepsFirstLetter: true })).toBe('Appendix:lakes');
  });
});

describe('§5.1 the name in the path', () => {
  it.each([
    ['/p/A%2FB/C', 'A/B/C'],
    ['/p/A+B', 'A+B'],
    ['/p/%2541', '%41'],
    ['/p/', undefined],
    ['/p/%C3', undefined],
  ])('%s is %j', (path, expected) => {
    expect(nameFromPath(path, '/p/')).toBe(expected);
  });
});
