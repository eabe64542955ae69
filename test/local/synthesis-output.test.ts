import { withoutFramesOfHoldfast } from '../../local/template/synthesis.ts';

const printed = `file:///home/ada/my-server/node_modules/holdfast/lib/prop-names.js:86
    throw new ConfigurationError(errors.join("\\n"));
          ^

ConfigurationError: The setting srever does not exist: did you mean server?
The setting stagee does not exist: did you mean stage?
    at rejectMisspeltProps (file:///home/ada/my-server/node_modules/holdfast/lib/prop-names.js:86:11)
    at new HoldfastStack (file:///home/ada/my-server/node_modules/holdfast/lib/holdfast-stack.js:7:21)
    at file:///home/ada/my-server/bin/app.ts:10:22
    at ModuleJob.run (node:internal/modules/esm/module_job:561:25)

Node.js v24.21.0`;

test('a configuration error that the app does not catch is printed with the line of the app alone', () => {
  expect(withoutFramesOfHoldfast(printed)).toBe(
    [
      'The setting srever does not exist: did you mean server?',
      'The setting stagee does not exist: did you mean stage?',
      '    at file:///home/ada/my-server/bin/app.ts:10:22',
    ].join('\n'),
  );
});

test('another error of the app is printed as a whole', () => {
  const other = printed.replace('ConfigurationError: The', 'TypeError: The');
  expect(withoutFramesOfHoldfast(other)).toBe(other);
});
