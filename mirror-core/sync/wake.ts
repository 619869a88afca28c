/** A wait that ends after a time, at a call of `now()`, or with the signal. A call made while nobody waits ends the next wait at once. */
export class Wake {
  #isDue = false;
  #resolve: (() => void) | undefined;

  now(): void {
    this.#isDue = true;
    this.#resolve?.();
  }

  /** @throws AbortError when the signal ends it */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#isDue) {
      await new Promise<void>((resolve) => {
        // Node's timers fire at once beyond 2^31 ms.
        const timer = setTimeout(finish, Math.min(ms, 2_000_000_000));
        function finish(): void {
          clearTimeout(timer);
          signal.removeEventListener('abort', finish);
          resolve();
        }
        this.#resolve = finish;
        signal.addEventListener('abort', finish, { once: true });
      });
      this.#resolve = undefined;
    }
    this.#isDue = false;
    signal.throwIfAborted();
  }
}
