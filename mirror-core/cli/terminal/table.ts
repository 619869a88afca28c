/** Tables for people: aligned columns, no frames, so that they also paste well. */
import { pad, textWidth } from './text.ts';

export interface Column {
  readonly title: string;
  readonly isRight?: boolean;
}

/** Lines of the table, without line ends. Cells may hold colour codes. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((column, index) =>
    Math.max(textWidth(column.title), ...rows.map((row) => textWidth(row[index] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => {
        const isLast = index === columns.length - 1;
        const cell = cells[index] ?? '';
        return isLast && column.isRight !== true ? cell : pad(cell, widths[index] ?? 0, column.isRight);
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}
