/** Names inside the data directory, relative to it. Joined with `node:path` by whoever may touch files. */
export const DATA_LAYOUT = {
  /** Identity: schema version, upstream address, whether it holds practice data. */
  identity: 'wikimirror.json',
  /** Present only when the directory holds made-up practice content. */
  practiceNotice: 'PRACTICE-DATA.txt',
  /** LevelDB: projects, datasets, quota ledger, jobs; its lock is the lock of the whole directory. */
  catalog: 'catalog',
  /** One folder per dataset, each with the LevelDBs `bodies` and `index`. */
  datasets: 'datasets',
  downloads: 'downloads',
  sideload: 'sideload',
  /** 0700; files 0600. */
  secrets: 'secrets',
  upstreamTokens: 'secrets/upstream-tokens.json',
  controlToken: 'secrets/control-token',
  apiKeys: 'secrets/api-keys.json',
  /** Where the running daemon is: pid, URL, version. Removed on a clean stop. */
  daemon: 'run/daemon.json',
  config: 'wikimirror.toml',
} as const;

/** Schema version of the data directory; a newer one is refused, an older one migrated. */
export const DATA_SCHEMA_VERSION = 1;
