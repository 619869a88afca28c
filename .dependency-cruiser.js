/**
 * Who may import whom (docs/architecture.md, "Parts"). Every folder of mirror-core lists what it may see; everything else is an error.
 * Test code is free to import the mirror, but test/support must not know the code under test.
 */
const core = 'mirror-core';
const allowed = {
  contracts: [],
  observability: ['contracts'],
  config: ['contracts'],
  records: ['contracts'],
  upstream: ['contracts', 'observability'],
  store: ['contracts', 'observability', 'records'],
  pipeline: ['contracts', 'observability', 'records'],
  sync: ['contracts', 'observability', 'records', 'pipeline'],
  practice: ['contracts'],
  server: ['contracts', 'observability', 'records'],
  host: ['contracts', 'observability', 'records', 'config', 'upstream', 'store', 'pipeline', 'sync', 'server', 'practice'],
  cli: ['contracts', 'observability', 'config', 'records', 'host'],
};

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...Object.entries(allowed).map(([folder, targets]) => ({
      name: `${folder}-imports`,
      severity: 'error',
      comment: `mirror-core/${folder} may import only itself${targets.length > 0 ? ` and ${targets.join(', ')}` : ''}`,
      from: { path: `^${core}/${folder}/` },
      to: { path: `^${core}/`, pathNot: `^${core}/(${[folder, ...targets].join('|')})/` },
    })),
    {
      name: 'contracts-are-plain',
      severity: 'error',
      comment: 'contracts run in the browser too: no node: modules, no package but typebox',
      from: { path: `^${core}/contracts/` },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev'], pathNot: 'node_modules/typebox/' },
    },
    {
      name: 'core-without-electron',
      severity: 'error',
      from: { path: `^${core}/` },
      to: { path: '(^|/)node_modules/electron/|^main/|^renderer/|^test/' },
    },
    {
      name: 'renderer-sees-contracts-only',
      severity: 'error',
      from: { path: '^renderer/' },
      to: { path: `^(${core}|main)/`, pathNot: `^${core}/contracts/` },
    },
    {
      name: 'shell-sees-contracts-only',
      severity: 'error',
      comment: 'the built host is forked, never imported',
      from: { path: '^main/' },
      to: { path: `^(${core}|renderer)/`, pathNot: `^${core}/contracts/` },
    },
    {
      name: 'test-support-is-independent',
      severity: 'error',
      comment: 'what checks the mirror must not share its mistakes',
      from: { path: '^test/support/' },
      to: { path: `^${core}/`, pathNot: `^${core}/contracts/` },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      extensions: ['.ts', '.tsx', '.js', '.mjs'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
