/** The order in which look-ups try projects: upstream's configured one for those known of it, then by identifier (contract §5.2). */

/** The head of upstream's configuration order, as far as it is published. */
const UPSTREAM_ORDER: readonly string[] = [
  'enwiki',
  'cebwiki',
  'enwiktionary',
  'frwiktionary',
  'ruwiki',
  'dewiki',
  'svwiki',
  'frwiki',
  'shwiki',
  'ruwikinews',
  'eswiki',
  'srwiki',
];
const RANK: ReadonlyMap<string, number> = new Map(UPSTREAM_ORDER.map((project, index) => [project, index]));

export function compareProjects(a: string, b: string): number {
  const byRank = (RANK.get(a) ?? UPSTREAM_ORDER.length) - (RANK.get(b) ?? UPSTREAM_ORDER.length);
  return byRank !== 0 ? byRank : a < b ? -1 : a > b ? 1 : 0;
}
