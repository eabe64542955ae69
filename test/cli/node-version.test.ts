import { otherRuntime, unsupportedNode } from '../../cli/node-version.ts';
import { startCommand } from '../../local/start-command.ts';

test.each(['20.20.1', '22.17.9'])('Node.js %s is refused with the version that is needed', (version) => {
  expect(unsupportedNode(version)).toBe(
    `Holdfast needs Node.js 22.18 or later; this is ${version}. Install Node.js 24, the runtime of the functions.`,
  );
});

test.each(['22.18.0', '24.0.0', '26.1.0'])('Node.js %s runs the commands', (version) => {
  expect(unsupportedNode(version)).toBeUndefined();
});

test('a Node.js that is not the runtime of the functions is named', () => {
  expect(otherRuntime('24.21.0')).toBeUndefined();
  for (const version of ['22.18.0', '26.1.0']) {
    expect(otherRuntime(version)).toMatch(
      new RegExp(`^Node\\.js ${version} runs your server here, and Node\\.js 24 on`),
    );
  }
});

test('an owner’s project starts the emulator by npx holdfast dev, and a clone by npm start', () => {
  expect(['', '--fresh'].map((options) => startCommand(options, true))).toEqual([
    'npx holdfast dev',
    'npx holdfast dev --fresh',
  ]);
  expect(['', '--fresh'].map((options) => startCommand(options, false))).toEqual(['npm start', 'npm start -- --fresh']);
});
