import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Codec } from '../../mirror-core/contracts/article.ts';
import {
  type BadLine,
  readRecords,
  type ReadOptions,
  type RecordBatch,
  type RecordSource,
} from '../../mirror-core/pipeline/read-records.ts';
import { decodeBody } from '../../mirror-core/records/codec.ts';
import { inPieces, recordLine, tarGzOf, tarOf } from '../support/archives.ts';
import { collect } from '../support/collect-records.ts';

const fixtures = fileURLToPath(new URL('../../../shared/data/articles.ndjson', import.meta.url));
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pipeline-read-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function textsOf(batches: readonly RecordBatch[]): string[] {
  return batches.flatMap(({ records }) =>
    records.map((record) => {
      const raw = decodeBody(record.stored, record.codec, record.rawBytes);
      expect(raw.length).toBe(record.rawBytes);
      expect(Buffer.from(record.sha256)).toEqual(createHash('sha256').update(raw).digest());
      return Buffer.from(raw).toString();
    }),
  );
}

async function read(source: Omit<RecordSource, 'name'>, options: Partial<ReadOptions> = {}) {
  const bad: BadLine[] = [];
  const signal = new AbortController().signal;
  const collected = await collect(
    readRecords({ name: 'test', ...source }, { codec: 'zstd', signal, onBadLine: (line) => bad.push(line), ...options }),
  );
  return { ...collected, bad, texts: textsOf(collected.batches) };
}

/** Short enough to be read when they differ. */
function marks(lines: readonly string[]): string[] {
  return lines.map(
    (line) => `${line.slice(9, 20)} ${line.length} ${createHash('sha256').update(line).digest('hex').slice(0, 8)}`,
  );
}

function fromBytes(bytes: Uint8Array, options: Partial<ReadOptions> = {}): ReturnType<typeof read> {
  return read({ bytes: inPieces(bytes, []) }, options);
}

async function fileOf(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, bytes);
  return path;
}

const small = Array.from({ length: 20 }, (_, index) => recordLine(`Page ${index}`, 50 * index));
const smallText = small.map((line) => `${line}\n`).join('');
/** Enough to go through the threads, several times around a small ring, with lines of many sizes. */
const large = Array.from({ length: 400 }, (_, index) =>
  recordLine(`Page ${index}`, index % 50 === 7 ? 900_000 : 300 * (index % 90)),
);
const largeText = large.map((line) => `${line}\n`).join('');

describe('readRecords: formats', () => {
  it.each([
    ['ndjson', () => Buffer.from(smallText)],
    ['ndjson.gz', () => gzipSync(smallText)],
    ['tar', () => tarOf([{ name: 'a_0.ndjson', content: smallText }])],
    ['tar.gz', () => tarGzOf([{ name: 'a_0.ndjson', content: smallText }])],
  ] as const)('tells %s by its content and keeps every byte', async (format, make) => {
    const bytes = await make();
    for (const codec of ['identity', 'zstd', 'br'] satisfies Codec[]) {
      const { texts, summary, bad } = await fromBytes(bytes, { codec });
      expect(marks(texts)).toEqual(marks(small));
      expect(bad).toEqual([]);
      expect(summary).toMatchObject({
        format,
        lines: 20,
        records: 20,
        badLines: 0,
        isDamaged: false,
        compressedBytes: bytes.length,
      });
    }
    const fromFile = await read({ path: await fileOf(`small.${format}`, bytes) });
    expect(marks(fromFile.texts)).toEqual(marks(small));
  });

  it('reads several members, and passes over what is no NDJSON', async () => {
    const longName = `${'very-long-name/'.repeat(20)}part_1.ndjson`;
    const bytes = await tarGzOf([
      { name: 'folder', content: '', type: 'directory' },
      { name: 'a_0.ndjson', content: small.slice(0, 3).join('\n'), mtimeMs: 1_700_000_000_000 },
      { name: 'README.txt', content: 'not records' },
      { name: '._a_0.ndjson', content: 'left by an archiver' },
      { name: 'link.ndjson', content: '', type: 'symlink' },
      { name: longName, content: small.slice(3).join('\n'), mtimeMs: 1_700_000_060_000 },
    ]);
    const { texts, summary } = await fromBytes(bytes);
    expect(marks(texts)).toEqual(marks(small));
    expect(summary).toMatchObject({
      skippedEntries: 4,
      members: [
        { name: 'a_0.ndjson', mtimeMs: 1_700_000_000_000 },
        { name: longName, mtimeMs: 1_700_000_060_000 },
      ],
      maxPublished: { seconds: 1773837503, nanos: 437225000 },
    });
  });

  it('reads concatenated gzip members and ignores padding behind the last', async () => {
    const half = smallText.indexOf('\n', smallText.length / 2) - 5;
    const parts = [gzipSync(smallText.slice(0, half)), gzipSync(smallText.slice(half))];
    expect(marks((await fromBytes(Buffer.concat(parts))).texts)).toEqual(marks(small));
    const padded = await fromBytes(Buffer.concat([...parts, Buffer.alloc(2000)]));
    expect(marks(padded.texts)).toEqual(marks(small));
    expect(padded.failure).toBeUndefined();
  });

  it('ignores bytes behind a complete tar.gz, and says so', async () => {
    const archive = await tarGzOf([{ name: 'a_0.ndjson', content: smallText }]);
    const { texts, summary, failure } = await fromBytes(Buffer.concat([archive, Buffer.from('leftover')]));
    expect(failure).toBeUndefined();
    expect(marks(texts)).toEqual(marks(small));
    expect(summary?.hasTrailingGarbage).toBe(true);
  });
});

describe('readRecords: lines', () => {
  it('accepts CRLF, a byte order mark, blank lines and a last line without an end', async () => {
    const content = `\ufeff${small[0] ?? ''}\r\n\r\n   \n${small[1] ?? ''}`;
    const { texts, summary, bad } = await fromBytes(Buffer.from(content));
    expect(marks(texts)).toEqual(marks(small.slice(0, 2)));
    expect(bad).toEqual([]);
    expect(summary).toMatchObject({ lines: 4, blankLines: 2, records: 2 });
  });

  it('reports bad lines with member, number, hash and begin, and goes on', async () => {
    const content = [small[0], 'no json', small[1], '{"name":"x"}', small[2]].join('\n');
    const { texts, bad, summary } = await fromBytes(
      await tarGzOf([
        { name: 'a_0.ndjson', content: smallText },
        { name: 'a_1.ndjson', content },
      ]),
    );
    expect(marks(texts)).toEqual(marks([...small, ...small.slice(0, 3)]));
    expect(bad).toEqual([
      {
        line: 2,
        member: 'a_1.ndjson',
        reason: expect.stringMatching(/^not JSON/) as unknown,
        bytes: 7,
        sha256: createHash('sha256').update('no json').digest('hex'),
        excerpt: 'no json',
      },
      expect.objectContaining({ line: 4, reason: 'the record has no is_part_of.identifier' }),
    ]);
    expect(summary).toMatchObject({ badLines: 2, isDamaged: false });
  });

  it('calls a file damaged from the third bad line on, or when no line is good', async () => {
    expect((await fromBytes(Buffer.from(`${smallText}1\n2\n3\n`))).summary?.isDamaged).toBe(true);
    expect((await fromBytes(Buffer.from('1\n'))).summary?.isDamaged).toBe(true);
    expect((await fromBytes(Buffer.from(''))).summary).toMatchObject({ isDamaged: false, lines: 0 });
  });

  it('passes over a line beyond the limit without keeping it', async () => {
    const huge = recordLine('Huge', 300_000);
    const text = `${small[0] ?? ''}\n${huge}\n${small[1] ?? ''}\n${huge}`;
    const { texts, bad } = await fromBytes(Buffer.from(text), { maxLineBytes: 50_000, ringBytes: 100_000 });
    expect(marks(texts)).toEqual(marks(small.slice(0, 2)));
    const sha256 = createHash('sha256').update(huge).digest('hex');
    const expected = {
      bytes: huge.length,
      sha256,
      excerpt: huge.slice(0, 65_536),
      reason: expect.stringContaining('too long') as unknown,
    };
    expect(bad).toEqual([expect.objectContaining({ line: 2, ...expected }), expect.objectContaining({ line: 4, ...expected })]);
  });
});

describe('readRecords: threads', () => {
  it.each([1, 3])('gives the same through %i compressing threads and a ring it goes around many times', async (workers) => {
    const path = await fileOf('large.tar.gz', await tarGzOf([{ name: 'a_0.ndjson', content: largeText }]));
    const { texts, summary, batches } = await read({ path }, { workers, maxLineBytes: 1_000_000, ringBytes: 2_000_000 });
    expect(marks(texts)).toEqual(marks(large));
    expect(summary).toMatchObject({ records: 400, format: 'tar.gz' });
    expect(batches.at(-1)).toMatchObject({ lines: 400, rawBytes: summary?.rawBytes, readBytes: summary?.compressedBytes });
  });

  it('starts threads for a long stream too', async () => {
    const { texts } = await fromBytes(Buffer.from(largeText), { maxLineBytes: 1_000_000, ringBytes: 2_000_000 });
    expect(marks(texts)).toEqual(marks(large));
  });

  it('accepts a line of 20 MiB', async () => {
    const huge = recordLine('Huge', 20 * 1024 * 1024 - 200);
    const path = await fileOf('huge.ndjson', Buffer.from(`${largeText}${huge}\n${huge}\n${largeText}`));
    const { texts, bad } = await read({ path });
    expect(bad).toEqual([]);
    expect(texts.map((text) => text.length)).toEqual([...large, huge, huge, ...large].map((text) => text.length));
    expect(texts[400] === huge && texts[401] === huge).toBe(true);
  });

  it('ends its threads when the consumer stops early: a process with nothing else to do ends too', async () => {
    const path = await fileOf('early.ndjson', Buffer.from(largeText));
    const reader = new URL('../../mirror-core/pipeline/read-records.ts', import.meta.url).href;
    const program = `
      import { readRecords } from ${JSON.stringify(reader)};
      const options = { codec: 'zstd', signal: new AbortController().signal, onBadLine: () => undefined };
      for await (const { records } of readRecords({ path: ${JSON.stringify(path)}, name: 'early' }, options)) {
        console.log(records.length > 0);
        break;
      }`;
    const script = await fileOf('early.mjs', Buffer.from(program));
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
    expect(output).toBe('true\n');
    expect(child.exitCode).toBe(0);
  });

  it('stops when aborted, before and while reading, with the reason of the signal', async () => {
    const path = await fileOf('abort.ndjson', Buffer.from(largeText));
    const reason = new Error('enough');
    expect((await read({ path }, { signal: AbortSignal.abort(reason) })).failure).toBe(reason);
    const controller = new AbortController();
    const generator = readRecords(
      { path, name: 'abort' },
      { codec: 'zstd', signal: controller.signal, onBadLine: () => undefined },
    );
    await generator.next();
    controller.abort(reason);
    expect((await collect(generator)).failure).toBe(reason);
  });

  it('stops waiting for a stream that yields nothing more when aborted', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    async function* stuck(): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.from(smallText);
      queueMicrotask(() => controller.abort(reason));
      await new Promise(() => undefined);
    }
    expect((await read({ bytes: stuck() }, { signal: controller.signal })).failure).toBe(reason);
  });

  it('passes on what the receiver of bad lines throws', async () => {
    const reason = new Error('disk full');
    const onBadLine = (): never => {
      throw reason;
    };
    expect((await fromBytes(Buffer.from('x\n'), { onBadLine })).failure).toBe(reason);
  });
});

describe('readRecords: damage', () => {
  it.each(['small', 'large'] as const)('yields what is good of a %s file that ends early, then says where', async (size) => {
    const [lines, text] = size === 'small' ? [small, smallText] : [large, largeText];
    const whole = await tarGzOf([{ name: 'a_0.ndjson', content: text }]);
    const path = await fileOf(`short-${size}.tar.gz`, whole.subarray(0, Math.floor(whole.length * 0.6)));
    const { texts, failure, bad } = await read({ path });
    expect(failure).toMatchObject({
      code: 'ARCHIVE_DAMAGED',
      message: `test: the gzip data ends early, after ${Math.floor(whole.length * 0.6)} bytes: the file is incomplete`,
    });
    expect(bad).toEqual([]);
    expect(texts.length).toBeGreaterThan(lines.length / 3);
    expect(marks(texts)).toEqual(marks(lines.slice(0, texts.length)));
  });

  it('says near which byte gzip data is corrupt, and keeps the good records before', async () => {
    const bytes = await tarGzOf([{ name: 'a_0.ndjson', content: largeText }]);
    bytes.fill(0x55, Math.floor(bytes.length * 0.8), Math.floor(bytes.length * 0.8) + 2000);
    const { texts, failure } = await read({ path: await fileOf('corrupt.tar.gz', bytes) });
    expect(failure).toMatchObject({
      code: 'ARCHIVE_DAMAGED',
      message: expect.stringMatching(/^test: the gzip data is damaged near byte \d+/),
    });
    // gzip has its checksum at the end: what comes just before the damage may be damaged too.
    const sure = Math.floor(large.length * 0.7);
    expect(marks(texts).slice(0, sure)).toEqual(marks(large.slice(0, sure)));
  });

  it('notices a wrong checksum at the very end', async () => {
    const bytes = await tarGzOf([{ name: 'a_0.ndjson', content: smallText }]);
    bytes[bytes.length - 8] = (bytes[bytes.length - 8] ?? 0) ^ 1;
    const { texts, failure } = await fromBytes(bytes);
    expect(marks(texts)).toEqual(marks(small));
    expect(failure).toMatchObject({ code: 'ARCHIVE_DAMAGED', message: expect.stringContaining('does not have the checksum') });
  });

  it('refuses trailing bytes behind gzipped NDJSON: they may be records', async () => {
    const { texts, failure } = await fromBytes(Buffer.concat([gzipSync(smallText), Buffer.from('garbage')]));
    expect(marks(texts)).toEqual(marks(small));
    expect(failure).toMatchObject({ code: 'ARCHIVE_DAMAGED' });
  });

  it('notices a tar that ends within a member, and a broken header', async () => {
    const bytes = await tarOf([
      { name: 'a_0.ndjson', content: smallText },
      { name: 'a_1.ndjson', content: smallText },
    ]);
    const short = await fromBytes(bytes.subarray(0, Math.floor(bytes.length * 0.75)));
    expect(short.failure).toMatchObject({ code: 'ARCHIVE_DAMAGED', message: expect.stringContaining('ends early') });
    expect(marks(short.texts)).toEqual(marks([...small, ...small].slice(0, short.texts.length)));
    expect(short.texts.length).toBeGreaterThan(20);
    const secondHeader = bytes.indexOf('a_1.ndjson');
    bytes.fill(0x41, secondHeader, secondHeader + 400);
    const broken = await fromBytes(bytes);
    expect(broken.failure).toMatchObject({ code: 'ARCHIVE_DAMAGED', message: expect.stringContaining('tar archive is damaged') });
    expect(marks(broken.texts)).toEqual(marks(small));
  });

  it('refuses binary data, and a file that is not there', async () => {
    expect((await fromBytes(Buffer.from([1, 0, 2, 0]))).failure).toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    expect((await read({ path: join(directory, 'absent') })).failure).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('refuses gzip that unpacks without bound', async () => {
    const { failure } = await fromBytes(gzipSync(Buffer.alloc(130_000_000, 0x20)));
    expect(failure).toMatchObject({ code: 'ARCHIVE_DAMAGED', message: expect.stringContaining('1000 times its size') });
  });
});

describe.skipIf(!existsSync(fixtures))(`readRecords on real records (skipped where ${fixtures} is absent)`, () => {
  it('gives every one back byte for byte', async () => {
    const text = readFileSync(fixtures, 'utf8');
    const path = await fileOf('real.tar.gz', await tarGzOf([{ name: 'real.ndjson', content: text }]));
    expect(marks((await read({ path })).texts)).toEqual(marks(text.trimEnd().split('\n')));
    expect(marks((await fromBytes(Buffer.from(text))).texts)).toEqual(marks(text.trimEnd().split('\n')));
  });
});
