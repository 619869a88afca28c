import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isMirrorError } from '../../mirror-core/contracts/errors.ts';
import { parseConfigText } from '../../mirror-core/config/file.ts';
import { CONFIG_KEYS, MASK } from '../../mirror-core/config/keys.ts';
import {
  type ConfigSources,
  describeConfig,
  isLoopback,
  loadConfig,
  type LoadedConfig,
  OTHER_VARIABLES,
} from '../../mirror-core/config/load.ts';
import { closest, editDistance } from '../../mirror-core/config/suggest.ts';
import { type ConfigChange, mergeReload, watchConfig } from '../../mirror-core/config/watch.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wikimirror-config-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function load(sources: Partial<ConfigSources> = {}): Promise<LoadedConfig> {
  return loadConfig({ env: {}, cwd: folder, defaultData: folder, ...sources });
}

async function writeConfig(text: string): Promise<string> {
  const path = join(folder, 'wikimirror.toml');
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isMirrorError(error, 'CONFIG_INVALID')) return error.message;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('sources and their order', () => {
  it('has a default for everything, in the usual place of the machine', async () => {
    const { config, origins, hasFile, warnings } = await load();
    expect(config.data).toBe(folder);
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 8750, allowRemote: false });
    expect(config.upstream.auth).toBe('https://auth.enterprise.wikimedia.com');
    expect(new Set(origins.values())).toEqual(new Set(['default']));
    expect(hasFile).toBe(false);
    expect(warnings).toEqual([]);
  });

  it('lets flags win over the environment, that over the file, that over defaults', async () => {
    await writeConfig('contact = "file"\n[server]\nport = 1111\nfollowRedirects = true\n[log]\nlevel = "warn"\n');
    const { config, origins } = await load({
      env: { WIKIMIRROR_PORT: '2222', WIKIMIRROR_LOG_LEVEL: 'error' },
      flags: { 'server.port': '3333' },
    });
    expect(config.server.port).toBe(3333);
    expect(config.log.level).toBe('error');
    expect(config.contact).toBe('file');
    expect(['server.port', 'log.level', 'contact', 'server.host'].map((key) => origins.get(key))).toEqual([
      'flag',
      'environment',
      'file',
      'default',
    ]);
  });

  it('reads everything a container needs from the environment alone', async () => {
    const { config } = await load({
      env: {
        WME_USERNAME: 'ada',
        WME_PASSWORD: ' with spaces ',
        WME_AUTH_URL: 'http://127.0.0.1:1/v1/',
        WME_API_URL: 'http://127.0.0.1:2/v2',
        WME_REALTIME_URL: 'http://127.0.0.1:3/',
        WIKIMIRROR_DATA: 'sub/data',
        WIKIMIRROR_HOST: '0.0.0.0',
        WIKIMIRROR_ALLOW_REMOTE: 'yes',
        WIKIMIRROR_PORT: '0',
        WIKIMIRROR_DATASETS: 'simplewiki_namespace_0, dewiki_namespace_14,simplewiki_namespace_0',
        WIKIMIRROR_CONTACT: 'ops@example.org',
        WIKIMIRROR_SYNC_SNAPSHOT_CHECK_MINUTES: '7.5',
      },
    });
    expect(config.upstream).toMatchObject({
      username: 'ada',
      password: ' with spaces ',
      auth: 'http://127.0.0.1:1',
      api: 'http://127.0.0.1:2',
      realtime: 'http://127.0.0.1:3',
    });
    expect(config.data).toBe(join(folder, 'sub/data'));
    expect(config.server).toMatchObject({ host: '0.0.0.0', port: 0 });
    expect(config.datasets).toEqual(['simplewiki_namespace_0', 'dewiki_namespace_14']);
    expect(config.sync.snapshotCheckMinutes).toBe(7.5);
  });

  it('gives every setting a variable of its own', () => {
    expect(new Set(CONFIG_KEYS.map((key) => key.env)).size).toBe(CONFIG_KEYS.length);
    for (const key of CONFIG_KEYS) expect(key.env).toMatch(/^(WME|WIKIMIRROR)_[A-Z_]+$/);
  });

  it('treats an empty variable as not set', async () => {
    expect((await load({ env: { WIKIMIRROR_PORT: '', WME_USERNAME: ' ' } })).config.server.port).toBe(8750);
  });

  it('reads the password from a secret file, whose last line end does not count', async () => {
    await writeFile(join(folder, 'secret'), 'hunter2\n');
    expect((await load({ env: { WME_PASSWORD_FILE: 'secret' } })).config.upstream.password).toBe('hunter2');
    const both = await load({ env: { WME_PASSWORD_FILE: 'secret', WME_PASSWORD: 'direct' } });
    expect(both.config.upstream.password).toBe('direct');
    expect(both.warnings.join()).toContain('WME_PASSWORD is used');
    expect(await refusal(load({ env: { WME_PASSWORD_FILE: 'absent' } }))).toContain('WME_PASSWORD_FILE');
  });

  it('takes the data directory from a named file, relative to that file', async () => {
    const path = await writeConfig('data = "store"');
    expect((await load({ file: path, defaultData: '/nowhere' })).config.data).toBe(join(folder, 'store'));
  });

  it('warns about a variable that looks like ours and is none', async () => {
    expect((await load({ env: { WIKIMIRROR_DATASET: 'x' } })).warnings.join()).toContain('did you mean WIKIMIRROR_DATASETS?');
  });
});

describe('what bad input gets', () => {
  const cases: readonly (readonly [text: string, ...words: string[]])[] = [
    ['prot = 1', 'line 1', 'no setting called prot', 'did you mean server.port?'],
    ['\n[server]\nprot = 1', 'line 3', 'server.prot', 'did you mean server.port?'],
    ['[servre]\nport = 1', 'line 1', 'servre', 'did you mean server'],
    ['port = 1', 'did you mean server.port?'],
    ['[sync]\nsnapshotCheckMinute = 1', 'line 2', 'did you mean sync.snapshotCheckMinutes?'],
    ['xyzzyplugh = 1', 'docs/configuration.md'],
    ['[server]\nport = "http"', 'line 2', 'server.port', '"http"', 'a whole number from 0 to 65535'],
    ['server.port = 70000', 'line 1', '70000', 'from 0 to 65535'],
    ['[server]\nport = 80.5', '80.5', 'a whole number'],
    ['[sync]\nsilenceSeconds = 0', 'a number above 0'],
    ['[sync]\ntombstoneDays = 0', 'a number, 1 or more'],
    ['[server]\nfollowRedirects = "yes"', 'true or false'],
    ['[log]\nlevel = "loud"', '"loud"', 'one of debug, info, warn, error, silent'],
    ['[upstream]\napi = "example.org"', 'an address such as'],
    ['[upstream]\napi = "https://user:pass@example.org"', 'an address such as'],
    ['datasets = "enwiki_namespace_0"', 'a list of texts'],
    ['datasets = ["enwiki"]', '"enwiki"', 'simplewiki_namespace_0'],
    ['[server]\ncorsOrigins = ["https://example.org/page"]', 'web origins without a path'],
    ['server = 5', 'a group of settings'],
    ['version = 2', 'newer Wikimirror'],
    ['data = ""', 'text that is not empty'],
    ['contact = "a\nb"', 'line 1', 'column', 'not valid TOML'],
    ['contact = 2026-01-01', 'contact', 'expected text'],
  ];
  it.each(cases)('%j', async (text, ...words) => {
    const path = await writeConfig(text);
    const message = await refusal(load());
    expect(message).toContain(path);
    for (const word of words) expect(message).toContain(word);
  });

  it('names the variable and the flag', async () => {
    expect(await refusal(load({ env: { WIKIMIRROR_PORT: '0x50' } }))).toContain(
      'environment variable WIKIMIRROR_PORT: server.port cannot be "0x50"',
    );
    expect(await refusal(load({ flags: { 'server.port': 'x' } }))).toContain('command line: server.port');
    expect(await refusal(load({ env: { WIKIMIRROR_ALLOW_REMOTE: 'maybe' } }))).toContain('true or false');
  });

  it('never repeats a password', async () => {
    await writeConfig('[upstream]\npassword = 12345');
    expect(await refusal(load())).not.toContain('12345');
  });

  it('refuses to listen beyond this machine unless that is said', async () => {
    const message = await refusal(load({ env: { WIKIMIRROR_HOST: '192.168.1.5' } }));
    expect(message).toContain('192.168.1.5');
    expect(message).toContain('WIKIMIRROR_ALLOW_REMOTE');
    expect(['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]'].filter(isLoopback)).toHaveLength(5);
    expect(['0.0.0.0', '::', '127.example.org', '10.0.0.1'].filter(isLoopback)).toEqual([]);
  });

  it('says so when a named file does not exist', async () => {
    expect(await refusal(load({ file: 'absent.toml' }))).toContain('it does not exist');
    expect(await refusal(load({ env: { WIKIMIRROR_CONFIG: 'absent.toml' } }))).toContain('absent.toml');
  });

  it.skipIf(process.platform === 'win32')('warns when others can read a file with a password', async () => {
    const path = await writeConfig('[upstream]\npassword = "p"');
    expect((await load()).warnings).toEqual([]);
    await chmod(path, 0o644);
    expect((await load()).warnings.join()).toContain('chmod 600');
  });
});

describe('what is shown', () => {
  it('shows every setting with its origin and masks the password', async () => {
    const rows = describeConfig(await load({ env: { WME_PASSWORD: 'hunter2', WME_USERNAME: 'ada' } }));
    expect(rows.map((row) => row.key)).toEqual(CONFIG_KEYS.map((key) => key.name));
    expect(rows.find((row) => row.key === 'upstream.password')).toMatchObject({ value: MASK, origin: 'environment' });
    expect(rows.find((row) => row.key === 'upstream.username')).toMatchObject({ value: 'ada' });
    expect(JSON.stringify(rows)).not.toContain('hunter2');
  });

  it('cannot be changed by accident', async () => {
    const { config } = await load();
    expect(() => Object.assign(config.server, { port: 1 })).toThrow(TypeError);
  });
});

describe('suggestions', () => {
  it('counts edits', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('prot', 'port')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
  });
  it('offers only what is near', () => {
    expect(closest('sttaus', ['status', 'sync'])).toBe('status');
    expect(closest('zzzzzz', ['status', 'sync'])).toBeUndefined();
  });
});

describe('changes while running', () => {
  it('takes over what is safe and keeps the rest until a restart', async () => {
    const running = await load();
    await writeConfig(
      'datasets = ["enwiki_namespace_0"]\n[server]\nport = 9000\n[log]\nlevel = "debug"\n[disk]\nreserveBytes = 7',
    );
    const change = mergeReload(running, await load(), []);
    expect(change?.applied).toEqual(['datasets', 'disk.reserveBytes', 'log.level']);
    expect(change?.needsRestart).toEqual(['server.port']);
    expect(change?.loaded.config.server.port).toBe(8750);
    expect(change?.loaded.config.disk.reserveBytes).toBe(7);
    expect(change?.loaded.origins.get('server.port')).toBe('default');
    expect(change?.message).toContain('only after a restart: server.port');
  });

  it('says nothing when nothing changed', async () => {
    expect(mergeReload(await load(), await load(), [])).toBeUndefined();
  });

  it('reports each change of the file, and keeps the old settings when it is wrong', async () => {
    const path = await writeConfig('[log]\nlevel = "warn"');
    const changes: ConfigChange[] = [];
    const next = (): Promise<ConfigChange> => new Promise((resolve) => waiting.push(resolve));
    const waiting: ((change: ConfigChange) => void)[] = [];
    const watch = await watchConfig(
      await load(),
      (change) => {
        changes.push(change);
        waiting.shift()?.(change);
      },
      { settleMs: 20 },
    );
    try {
      const first = next();
      await writeFile(path, '[log]\nlevel = "error"');
      expect(await first).toMatchObject({ kind: 'changed', applied: ['log.level'] });
      expect(watch.current.config.log.level).toBe('error');

      const second = next();
      await writeFile(path, '[log]\nlevle = "info"');
      const invalid = await second;
      expect(invalid.kind).toBe('invalid');
      expect(invalid.message).toContain('did you mean log.level?');
      expect(watch.current.config.log.level).toBe('error');

      const third = next();
      await rm(path);
      expect(await third).toMatchObject({ kind: 'changed', applied: ['log.level'] });
      expect(watch.current.config.log.level).toBe('info');
    } finally {
      await watch.close();
    }
    expect(changes).toHaveLength(3);
  });
});

describe('lines in messages', () => {
  it('finds dotted, quoted and grouped names', () => {
    expect(() => parseConfigText('# comment\n[sync]\n\n"silenceSeconds" = -1', 'f')).toThrow('f, line 4');
    expect(() => parseConfigText('sync . silenceSeconds = -1', 'f')).toThrow('f, line 1');
    expect(() => parseConfigText('sync = { silenceSeconds = -1 }', 'f')).toThrow('f, line 1');
  });
});

describe('documentation', () => {
  it('names every setting with its variable and default', async () => {
    const text = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    for (const key of CONFIG_KEYS) {
      const row = text.split('\n').find((line) => line.startsWith(`| \`${key.name}\` |`));
      expect(row, key.name).toBeDefined();
      expect(row).toContain(`\`${key.env}\``);
      expect(row, `${key.name} applies`).toContain(key.applies === 'running' ? '| at once |' : '| restart |');
      const isShort =
        typeof key.defaultValue === 'number' ||
        typeof key.defaultValue === 'boolean' ||
        (typeof key.defaultValue === 'string' && key.defaultValue !== '');
      if (isShort) expect(row, `${key.name} default`).toContain(`\`${String(key.defaultValue)}\``);
    }
    for (const name of [...OTHER_VARIABLES, 'WME_PASSWORD_FILE']) expect(text).toContain(name);
  });
});
