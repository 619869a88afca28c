/** The running daemon: dropped files, a changed configuration, imports and look-ups of real records, restarts. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import WikimediaEnterprise from 'wikimedia-enterprise';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startPractice, type PracticeServer } from '../../mirror-core/practice/server.ts';
import { writeCorpus } from '../../mirror-core/practice/corpus.ts';
import { practiceEnvironment, wikimirror } from './command.ts';
import { DaemonProcess } from './daemon-process.ts';
import { eventually, temporaryDirectory } from './harness.ts';

vi.setConfig({ testTimeout: 90_000 });

const RECORDS = fileURLToPath(new URL('../../../shared/data/articles.ndjson', import.meta.url));
const EN = 'practiceenwiki_namespace_14';

let data: string;
let practice: PracticeServer;
let daemon: DaemonProcess;
beforeEach(async () => {
  data = await temporaryDirectory();
  practice = await startPractice({ directory: null, wikis: ['practiceenwiki'] });
});
afterEach(async () => {
  await daemon.stop('SIGKILL');
  await practice.close();
  await rm(data, { recursive: true, force: true });
});

async function start(datasets: readonly string[] = []): Promise<void> {
  daemon = new DaemonProcess({ data, practiceUrl: practice.url, datasets });
  const running = daemon;
  await eventually('the daemon to answer', () => running.status());
}

const environment = (): Record<string, string> => practiceEnvironment(data, practice.url);

async function url(): Promise<string> {
  return (JSON.parse(await readFile(join(data, 'run', 'daemon.json'), 'utf8')) as { url: string }).url;
}

describe('the sideload folder', () => {
  it('loads a dropped snapshot with its checksum, refuses one with a wrong one, and says so', async () => {
    await start();
    const folder = join(data, 'sideload');
    const made = join(data, 'made.tar.gz');
    const { lines, md5 } = await writeCorpus({ path: made, seed: 3, rawBytes: 2_000_000, dataset: 'airgapwiki_namespace_0' });
    await writeFile(join(folder, 'airgapwiki_namespace_0.tar.gz.md5'), `${md5}  airgapwiki_namespace_0.tar.gz\n`);
    await copyFile(made, join(folder, 'airgapwiki_namespace_0.tar.gz'));
    await eventually(
      'the file to be loaded',
      () => existsSync(join(folder, 'loaded', 'airgapwiki_namespace_0.tar.gz')) || undefined,
    );
    const status = (await daemon.status())?.datasets.find(({ id }) => id === 'airgapwiki_namespace_0');
    expect(status).toMatchObject({ articles: lines, mode: 'manual', snapshotVersion: md5, quarantined: 0 });
    expect(status?.asOf).not.toBeNull();

    const dump = 'otherwiki-NS0-20250320-ENTERPRISE-HTML.json.tar.gz';
    await writeFile(
      join(folder, 'otherwiki-NS0-20250320-ENTERPRISE-STATS.json'),
      JSON.stringify({ wiki: 'otherwiki', md5sum: '0'.repeat(32) }),
    );
    await rename(made, join(folder, dump));
    await eventually('the file to be refused', () => existsSync(join(folder, 'failed', `${dump}.txt`)) || undefined);
    expect(await readFile(join(folder, 'failed', `${dump}.txt`), 'utf8')).toMatch(/MD5/);
    expect((await daemon.status())?.datasets.some(({ id }) => id === 'otherwiki_namespace_0')).toBe(false);
  });
});

describe('a configuration file that changes', () => {
  it('is taken over where that is safe; a mistake changes nothing; both are told', async () => {
    await start();
    const file = join(data, 'wikimirror.toml');
    const events = async (): Promise<string> => {
      const response = await fetch(`${await url()}/api/events?after=0`, {
        headers: { authorization: `Bearer ${(await readFile(join(data, 'secrets', 'control-token'), 'utf8')).trim()}` },
        signal: AbortSignal.timeout(500),
      });
      let text = '';
      try {
        for await (const piece of response.body ?? []) text += Buffer.from(piece).toString();
      } catch (error) {
        if (!(error instanceof Error && error.name === 'TimeoutError')) throw error;
      }
      return text;
    };
    await writeFile(file, '[sync]\nsilenceSecond = 2\n');
    await eventually('the mistake to be told', async () => (await events()).includes('config.invalid') || undefined);
    await writeFile(file, '[server]\nport = 9999\n[sync]\ntombstoneDays = 20\n');
    await eventually('the change to be told', async () => {
      const text = await events();
      return (text.includes('config.reloaded') && /sync\.tombstoneDays/.test(text)) || undefined;
    });
    expect((await daemon.status())?.datasets).toEqual([]);
  });

  it('adds datasets named in it', async () => {
    daemon = new DaemonProcess({ data, practiceUrl: practice.url, datasets: [], env: { WIKIMIRROR_DATASETS: '' } });
    await eventually('the daemon to answer', () => daemon.status());
    await writeFile(join(data, 'wikimirror.toml'), `datasets = ["${EN}"]\n`);
    await eventually('the dataset to be mirrored', async () =>
      (await daemon.status())?.datasets.find(({ id, articles }) => id === EN && articles > 0),
    );
  });
});

describe.skipIf(!existsSync(RECORDS))('real records (skipped where ../shared/data/articles.ndjson is absent)', () => {
  it('go in through the running daemon and come back byte for byte, by command and by API, before and after a restart', async () => {
    await start();
    const env = environment();
    const lines = (await readFile(RECORDS, 'utf8')).split('\n').filter((line) => line !== '');
    const imported = await wikimirror(['import', '-', '--json'], env, await readFile(RECORDS));
    expect(imported.stderr).toBe('');
    expect(JSON.parse(imported.stdout)).toMatchObject({ records: 7, applied: 7, quarantined: 0 });
    const again = await wikimirror(['import', RECORDS, '--json'], env);
    expect(JSON.parse(again.stdout)).toMatchObject({ records: 7, applied: 0, unchanged: 7 });

    const check = async (): Promise<void> => {
      for (const line of lines) {
        const record = JSON.parse(line) as { name: string; is_part_of: { identifier: string }; version: { identifier: number } };
        const filter = encodeURIComponent(
          JSON.stringify({ field: 'is_part_of.identifier', value: record.is_part_of.identifier }),
        );
        const address = `${await url()}/v2/articles/${encodeURIComponent(record.name)}?filters=${filter}`;
        for (const encoding of ['identity', 'gzip, deflate, br', 'zstd']) {
          const response = await fetch(address, { headers: { 'accept-encoding': encoding } });
          expect(await response.text()).toBe(`[${line}]`);
        }
        const fields = await fetch(`${address}&fields=name,version.identifier`);
        expect(await fields.json()).toEqual([{ name: record.name, version: { identifier: record.version.identifier } }]);
        const none = encodeURIComponent(JSON.stringify({ field: 'version.identifier', value: 1 }));
        expect((await fetch(`${address}&filters=${none}`)).status).toBe(404);
      }
      const manifest = await wikimirror(['manifest', 'enwiki_namespace_0'], env);
      const row = JSON.parse(manifest.stdout.trim()) as Record<string, unknown>;
      const squirrel = lines.find((line) => line.includes('"identifier":"enwiki"')) ?? '';
      expect(row).toMatchObject({
        title: 'Squirrel',
        state: 'live',
        bytes: Buffer.byteLength(squirrel),
        sha256: createHash('sha256').update(squirrel).digest('hex'),
      });
    };
    await check();
    expect(await daemon.stop('SIGTERM')).toBe(0);
    await start();
    await check();
    expect((await wikimirror(['verify'], env)).code).toBe(0);
  });
});

describe('a client that nobody here wrote', () => {
  it('logs in and looks articles up against the running daemon', async () => {
    await start([EN]);
    await eventually(
      'the dataset to be live',
      async () => (await daemon.status())?.datasets.some(({ state }) => state.kind === 'live') || undefined,
    );
    const base = await url();
    const anonymous = new WikimediaEnterprise({ baseURL: base, apiKey: 'not needed to log in', maxRetries: 0 });
    const { access_token: apiKey } = await anonymous.login.authenticate({ username: 'somebody', password: 'anything' });
    expect(apiKey).toMatch(/^ey/);
    const client = new WikimediaEnterprise({ baseURL: base, apiKey: apiKey ?? '', maxRetries: 0 });
    const [row] = practice.truth(EN);
    const articles = await client.articles.retrieve(row?.title ?? '', { limit: 1 });
    expect(articles).toHaveLength(1);
    expect(articles[0]?.name?.replaceAll(' ', '_')).toBe(row?.title);
    expect((await client.projects.list()).some((project) => project.identifier === 'practiceenwiki')).toBe(true);
    await expect(client.articles.retrieve('Nothing of this name')).rejects.toMatchObject({ status: 404 });
  });
});

describe('what the daemon leaves behind', () => {
  it('is readable by its owner alone, and no note after a clean stop', async () => {
    await start([EN]);
    await eventually(
      'the dataset to be live',
      async () => (await daemon.status())?.datasets.some(({ state }) => state.kind === 'live') || undefined,
    );
    for (const folder of ['.', 'secrets', 'run']) expect((await stat(join(data, folder))).mode & 0o077).toBe(0);
    for (const name of await readdir(join(data, 'secrets')))
      expect((await stat(join(data, 'secrets', name))).mode & 0o077).toBe(0);
    await mkdir(join(data, 'elsewhere'));
    expect(await daemon.stop('SIGTERM')).toBe(0);
    expect(existsSync(join(data, 'run', 'daemon.json'))).toBe(false);
    expect(daemon.log).not.toMatch(/secret/);
  });
});
