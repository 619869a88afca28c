import { defineConfig } from 'vitest/config';

/** Test runner settings. The user interface's build joins this file when `renderer/` gets its first page. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    // Real LevelDB, real sockets and child processes: generous for a busy machine, still finite.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
