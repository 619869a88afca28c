import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CRASH_DATASET, expectedAfter } from './store-crash-steps.ts';
import { collect, openStore, problemsOf, temporaryDirectory } from './store-setup.ts';

const CHILD = fileURLToPath(new URL('./store-crash-child.ts', import.meta.url));
const KILLS = 30;

/** Runs the writer until it kills itself. Returns the last step it was told is durable, 0 when none. */
function writeUntilKilled(directory: string, killAfterMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [CHILD, directory, String(killAfterMs)], (error, stdout, stderr) => {
      if (error?.signal !== 'SIGKILL') reject(new Error(`the writer ended by itself: ${stderr}`));
      else resolve(Number(stdout.trimEnd().split('\n').at(-1) ?? 0));
    });
  });
}

describe('kill -9', () => {
  it(
    `at ${KILLS} moments within and between commits and erasures never leaves half of anything`,
    { timeout: 120_000 },
    async () => {
      const directory = await temporaryDirectory();
      let furthest = 0;
      for (let kill = 0; kill < KILLS; kill += 1) {
        // Spread over the first commits of each run: 0 to 60 ms in steps that are no multiple of anything the writer does.
        const told = await writeUntilKilled(directory, (kill * 37) % 61);
        const store = await openStore(directory);
        const dataset = (await store.dataset(CRASH_DATASET))!;
        const steps = Number((await dataset.checkpoint('step')) ?? 0);
        expect(steps).toBeGreaterThanOrEqual(Math.max(told, furthest));
        // The writer can die between a commit and the line that tells of it, once.
        expect(steps).toBeLessThanOrEqual(Math.max(told, furthest) + 1);
        const rows = await collect(dataset.manifest());
        const found = rows.map(
          ({ title, version, visibility }) => `${title} ${version} ${visibility === undefined ? 'shown' : 'hidden'}`,
        );
        expect(found.sort()).toEqual(expectedAfter(steps));
        expect(await problemsOf(dataset)).toEqual([]);
        const numbers = (await collect(dataset.changes(0))).map(({ seq }) => seq);
        expect(new Set(numbers).size).toBe(numbers.length);
        furthest = steps;
        await store.close();
      }
      expect(furthest).toBeGreaterThan(KILLS);
    },
  );
});
