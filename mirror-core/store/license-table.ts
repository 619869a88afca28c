/** Lists of licences, each stored once: nearly all articles of a wiki have the same one. */
const SEPARATOR = '\n';

export class LicenseTable {
  readonly #sets: (readonly string[])[];
  readonly #numbers = new Map<string, number>();

  constructor(sets: readonly (readonly string[])[]) {
    this.#sets = [...sets];
    for (const [number, set] of this.#sets.entries()) this.#numbers.set(set.join(SEPARATOR), number);
  }

  /** All lists known, in the order of their numbers. */
  get sets(): readonly (readonly string[])[] {
    return this.#sets;
  }

  /** The number of this list; a new list gets the next one, which becomes durable with the next commit. */
  numberOf(licenses: readonly string[]): number {
    const key = licenses.join(SEPARATOR);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#sets.push([...licenses]) - 1;
    this.#numbers.set(key, number);
    return number;
  }
}
