/** Marks by which practice data is told from real Wikimedia content, wherever it travels. */

/** Response header of the practice upstream, and of every mirror that was filled from one. */
export const PRACTICE_HEADER = 'x-wikimirror-practice';
export const PRACTICE_HEADER_VALUE = 'made-up content, not from Wikimedia';
