/** Fixed numbers of the upstream service (enterprise-api.md; the section is named with each). */

/** Partitions of the Realtime stream (§10.2). */
export const PARTITION_COUNT = 50;
/** Parts the partitions are grouped in: part p holds partitions 5p to 5p+4 (§10.2). */
export const PART_COUNT = 10;
/** Largest record upstream's queue lets through (§8). */
export const MAX_RECORD_BYTES = 20 * 1024 * 1024;
/** How long the stream and the hourly batches reach back (§9, §10.2). */
export const STREAM_RETENTION_MS = 48 * 3_600_000;
/** Beyond this pause, positions by time are safer than offsets (§10.2). */
export const OFFSET_RESUME_LIMIT_MS = 40 * 3_600_000;
