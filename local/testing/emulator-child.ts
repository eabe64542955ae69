/** The local emulator in a child process of a test, which controls it by messages. It ends with its parent. */
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { demoUsers, testUser } from '../cognito/demo-users.ts';
import { startEmulator } from '../emulator.ts';
import type { ChildMessage, ChildOptions, UserMessage } from './start-holdfast.ts';

const options: ChildOptions = JSON.parse(process.argv[2]!);
const send = (message: ChildMessage) => void process.send!(message);
const log = (line: string) => send({ log: line });

try {
  const emulator = await startEmulator({
    ...options,
    port: 0,
    watch: false,
    report: {
      progress: () => undefined,
      request: ({ method, path, status, error = '' }) => log(`${method} ${path} ${status} ${error}`.trimEnd()),
      call: () => undefined,
      output: (functionName, line) => log(`${functionName}: ${line}`),
      warning: log,
      rebuilding: () => undefined,
      reloaded: log,
    },
  });
  process.on('message', ({ user, groups }: UserMessage) => {
    const known = demoUsers.find(({ username }) => username === user);
    emulator.identityProvider?.setUser(groups === undefined && known ? known : testUser(user, groups ?? []));
    send({ hasUser: emulator.identityProvider !== undefined });
  });
  process.once('disconnect', async () => {
    await emulator.close();
    process.exit();
  });
  send({ origin: emulator.origin });
} catch (error) {
  const { message, stack } = error as Error;
  process.send!({ failure: error instanceof ConfigurationError ? message : (stack ?? message) }, () => process.exit(1));
}
