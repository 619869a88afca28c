import { describe, expect, it } from 'vitest';
import { parseConfigText } from '../../mirror-core/config/file.ts';

describe('server.corsOrigins', () => {
  it('refuses "*": the server answers named origins alone, so it would be a setting without effect', () => {
    expect(() => parseConfigText('[server]\ncorsOrigins = ["*"]', 'wikimirror.toml')).toThrow(/line 2: .*"\*".*web origins/);
    expect(parseConfigText('[server]\ncorsOrigins = ["https://reader.example.org"]', 'x').get('server.corsOrigins')).toEqual([
      'https://reader.example.org',
    ]);
  });
});
