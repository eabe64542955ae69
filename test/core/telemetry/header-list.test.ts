import { parseHeaderList } from '../../../lambda/core/telemetry/header-list.ts';

test('headers are read as services print them for OTEL_EXPORTER_OTLP_HEADERS', () => {
  expect(parseHeaderList('x-honeycomb-team=abc==,Authorization=Basic%20MTIz%2C4')).toEqual({
    'x-honeycomb-team': 'abc==',
    authorization: 'Basic MTIz,4',
  });
});

test.each(['hunter2', '{"authorization":"hunter2"}', 'a b=hunter2', 'key=', 'key=%zzhunter2', 'key=hunter2%0Ax'])(
  'an invalid header is rejected without its value: %s',
  (text) => {
    expect(() => parseHeaderList(text)).toThrow(/^Header 1 of the secret is invalid: [^2]*$/);
  },
);
