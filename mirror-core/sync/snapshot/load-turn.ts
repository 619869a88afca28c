/** Waiting for one's turn to load, and for the end of a load that was called off. */
import type PQueue from 'p-queue';

/**
 * Runs `load` when the queue has room. The queue lets go of a task as soon as its signal fires; a load that had begun is waited for,
 * because its files and its place in the store are free only when it has ended.
 */
export async function loadInTurn<T>(queue: PQueue, signal: AbortSignal, load: () => Promise<T>): Promise<T> {
  const begun: Promise<T>[] = [];
  try {
    return await queue.add(
      () => {
        const loading = load();
        begun.push(loading);
        return loading;
      },
      { signal },
    );
  } finally {
    await Promise.allSettled(begun);
  }
}
