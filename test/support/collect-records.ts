/** Runs a generator of batches to its end and keeps what it gave, also when it failed. */
export interface Collected<Batch, Summary> {
  readonly batches: Batch[];
  readonly summary: Summary | undefined;
  readonly failure: unknown;
}

export async function collect<Batch, Summary>(
  generator: AsyncGenerator<Batch, Summary, undefined>,
): Promise<Collected<Batch, Summary>> {
  const batches: Batch[] = [];
  try {
    for (;;) {
      const step = await generator.next();
      if (step.done === true) return { batches, summary: step.value, failure: undefined };
      batches.push(step.value);
    }
  } catch (failure) {
    return { batches, summary: undefined, failure };
  }
}
